//! Events of EventBridge, and manual invocations.

use crate::event::{
    EventError, LifecycleEvent, MOST_BYTES, ReconcileEvent, Transition, lifecycle, reconcile,
};
use crate::one_sentence;
use membership::ids::{ClusterName, InstanceId};

/// Every function is given the same bytes. Each accepts them or refuses them in a sentence.
pub fn events(data: &[u8]) {
    for transition in [Transition::Launch, Transition::Terminate] {
        match lifecycle(data, transition) {
            Ok(LifecycleEvent::Action(action)) => {
                assert_eq!(action.transition, transition);
                assert!(
                    (1..=255).contains(&action.group.len()),
                    "a group's name of {} bytes",
                    action.group.len()
                );
                assert_eq!(InstanceId::parse(action.instance.as_str()), Ok(action.instance));
            }
            Ok(LifecycleEvent::TestNotification) => {}
            Err(error) => refused(data, &error),
        }
    }
    match reconcile(data) {
        Ok(ReconcileEvent::All { .. } | ReconcileEvent::TestNotification) => {}
        Ok(ReconcileEvent::Machine(id)) => assert_eq!(InstanceId::parse(id.as_str()), Ok(id)),
        Ok(ReconcileEvent::One { cluster, .. }) => {
            assert_eq!(ClusterName::parse(cluster.as_str()), Ok(cluster));
        }
        Err(error) => refused(data, &error),
    }
}

fn refused(data: &[u8], error: &EventError) {
    one_sentence(&error.to_string());
    assert_eq!(data.len() > MOST_BYTES, matches!(error, EventError::Oversized(_)));
}
