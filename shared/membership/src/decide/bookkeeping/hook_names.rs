//! Which lifecycle hooks are ours. A group may get further hooks at any time, and nothing marks ours where an operator
//! did not. So the names are kept while they are beyond doubt.

use crate::instance::Transition;
use crate::ledger::{Edit, HookNames};
use crate::observation::Group;
use crate::view::View;

/// Remembers the hooks that this look found.
pub fn hook_names(v: View<'_>) -> Vec<Edit> {
    remember(v.group, &v.ledger.hooks)
}

/// The edits by which these names become those of the group.
pub fn remember(group: &Group, known: &HookNames) -> Vec<Edit> {
    let found = Transition::BOTH.into_iter().filter_map(|t| Some((t, &group.hook(t).ok()?.name)));
    let news = found.filter(|(transition, name)| known.of(*transition) != Some(name.as_str()));
    news.map(|(transition, name)| Edit::RememberHook(transition, name.clone())).collect()
}
