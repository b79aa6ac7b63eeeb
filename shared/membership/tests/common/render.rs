//! A decision as the goldens write it.

use membership::change::Effect;
use membership::decision::Decision;
use membership::env;
use membership::instance::Transition;

pub fn render(d: &Decision) -> String {
    let mut lines: Vec<String> = Vec::new();
    for edit in &d.edits {
        let kind = if edit.tidies() { "tidy" } else { "edit" };
        lines.push(format!("{kind}: {edit}"));
    }
    if let Some(p) = &d.proposal {
        let asked = p.asked.map(|m| format!(", asking {m}")).unwrap_or_default();
        lines.push(format!("propose: {}{asked}", p.change));
    }
    lines.extend(d.effects.iter().map(|e| format!("effect: {}", effect(e))));
    lines.extend(d.notes.iter().map(|n| format!("note: {n} [{}]", n.verdict.code())));
    for k in &d.keep_alive {
        lines.push(format!(
            "keep alive: {} of {}",
            match k.transition {
                Transition::Launch => "launch",
                Transition::Terminate => "termination",
            },
            k.instance
        ));
    }
    if d.is_settled() {
        lines.push("settled".to_owned());
    }
    lines.iter().map(|l| format!("{l}\n")).collect()
}

pub fn effect(effect: &Effect) -> String {
    match effect {
        Effect::CreateEnv { env, .. } | Effect::OverwriteEnv { env, .. } => {
            let value = |key| env::value(env, key).unwrap_or("-");
            format!(
                "{effect}: {} {} {}{}{}",
                value("ETCD_INITIAL_CLUSTER_STATE"),
                value("ETCD_ASG_DATA"),
                value("ETCD_INITIAL_CLUSTER"),
                env::value(env, "ETCD_ASG_MINORS").map(|m| format!(" minors {m}")).unwrap_or_default(),
                env::value(env, "ETCD_ASG_MINOR_HELD").map(|m| format!(" held {m}")).unwrap_or_default()
            )
        }
        other => other.to_string(),
    }
}
