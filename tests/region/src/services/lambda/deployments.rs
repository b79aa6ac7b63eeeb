//! Further deployments of the functions: the same binaries, each deployment with an environment of its own, as several
//! stacks in one account and region. Each event goes to all of them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The variables that a deployment sets beside those of the region's options.
type Environment = BTreeMap<String, String>;

/// What stands between the names of a deployment and of a function: `second--reconcile`.
const SEPARATOR: &str = "--";

/// The environments of the deployments, by name. The first deployment has no name: its functions are called after
/// their binaries.
#[derive(Default)]
pub struct Deployments(Mutex<BTreeMap<String, Environment>>);

impl Deployments {
    /// Registers a deployment, or gives it another environment.
    pub fn set(&self, name: &str, environment: Environment) {
        self.lock().insert(name.to_owned(), environment);
    }

    /// The variables of a function beside those of the region's options.
    pub fn environment(&self, function: &str) -> Environment {
        self.lock().get(deployment(function)).cloned().unwrap_or_default()
    }

    /// The names of this binary's functions in all deployments.
    pub fn functions(&self, binary: &str) -> Vec<String> {
        let further = self.lock().keys().filter(|name| !name.is_empty()).cloned().collect::<Vec<_>>();
        let named = further.into_iter().map(|name| format!("{name}{SEPARATOR}{binary}"));
        std::iter::once(binary.to_owned()).chain(named).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Environment>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of a function's deployment. It is empty for the first deployment.
pub fn deployment(function: &str) -> &str {
    function.split_once(SEPARATOR).map_or("", |(name, _)| name)
}

/// The binary that a function runs.
pub fn binary(function: &str) -> &str {
    function.split_once(SEPARATOR).map_or(function, |(_, binary)| binary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_deployment_has_functions_of_its_own() {
        let deployments = Deployments::default();
        assert_eq!(deployments.functions("reconcile"), ["reconcile"]);
        deployments.set("second", [("A".to_owned(), "1".to_owned())].into());
        assert_eq!(deployments.functions("reconcile"), ["reconcile", "second--reconcile"]);
        assert_eq!(deployments.environment("second--reconcile")["A"], "1");
        assert!(deployments.environment("reconcile").is_empty());
        assert_eq!(
            (deployment("second--instance-launch"), binary("second--instance-launch")),
            ("second", "instance-launch")
        );
        assert_eq!((deployment("instance-launch"), binary("instance-launch")), ("", "instance-launch"));
    }
}
