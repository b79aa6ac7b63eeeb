//! One error for each code of the shell.

use std::io;

use etcd_asg::adapters::AwsFailure;
use etcd_asg::adapters::autoscaling::AutoScalingError;
use etcd_asg::adapters::ec2::Ec2Error;
use etcd_asg::adapters::etcd::EtcdError;
use etcd_asg::adapters::ledger::LedgerStoreError;
use etcd_asg::adapters::parameters::ParametersError;
use etcd_asg::adapters::reports::ReportsError;
use etcd_asg::config::ConfigError;
use etcd_asg::controller::{ControllerError, Ignored, WrongInput};
use etcd_asg::event::EventError;
use etcd_asg::execute::ExecuteError;
use etcd_asg::telemetry::Warning;
use membership::invocation::Retry;
use membership::ledger::LedgerError;

use super::fill::{N, X, instance, json, x};

pub fn events() -> Vec<EventError> {
    vec![
        EventError::Oversized(N),
        EventError::NotText,
        EventError::NotJson(x()),
        EventError::Wrapped { by: x(), cure: X, action: None },
        EventError::NotAnEvent(x()),
        EventError::WrongSource { found: x(), wanted: X },
        EventError::WrongKind { found: x(), wanted: X },
        EventError::WrongDetail(x()),
        EventError::WrongRequest(x()),
    ]
}

pub fn ignored() -> Vec<Ignored> {
    vec![
        Ignored::NoSuchGroup(x()),
        Ignored::NotTagged(x()),
        Ignored::NoGroup(instance()),
        Ignored::OtherVpc { group: x(), vpc: x(), served: x() },
        Ignored::TestNotification,
    ]
}

pub fn wrong_input() -> Vec<WrongInput> {
    vec![WrongInput::NoSuchCluster(X.into()), WrongInput::HookWithoutTag { group: x(), instance: instance() }]
}

pub fn config() -> Vec<ConfigError> {
    vec![
        ConfigError::Missing(X, X),
        ConfigError::File { name: X, path: X.into(), source: io::Error::other(X) },
    ]
}

pub fn warnings() -> Vec<Warning> {
    vec![
        Warning::CannotStart,
        Warning::LedgerNotWritten,
        Warning::HeartbeatFailed,
        Warning::HeartbeatRefused,
        Warning::ReportsNotRead,
    ]
}

pub fn reports() -> Vec<ReportsError> {
    let source = object_store::Error::NotImplemented { operation: x(), implementer: x() };
    vec![ReportsError::Failed(source), ReportsError::TimedOut]
}

pub fn controller() -> Vec<ControllerError> {
    vec![
        ControllerError::Groups(AutoScalingError::Malformed(X)),
        ControllerError::Etcd(EtcdError::Tls(http())),
        ControllerError::Json(json()),
    ]
}

pub fn execute() -> Vec<ExecuteError> {
    vec![ExecuteError::NoHook(x()), ExecuteError::OddArn(x())]
}

pub fn aws() -> Vec<AwsFailure> {
    let (service_code, message, retry) = (x(), x(), Retry::Soon);
    vec![
        AwsFailure::NotSent { call: X, source: X.into() },
        AwsFailure::Refused { call: X, service_code, message, retry },
        AwsFailure::Unanswered { call: X, source: X.into() },
    ]
}

pub fn autoscaling() -> Vec<AutoScalingError> {
    vec![AutoScalingError::Gone { instance: instance() }, AutoScalingError::Malformed(X)]
}

pub fn ec2() -> Vec<Ec2Error> {
    vec![Ec2Error::Malformed(X)]
}

pub fn parameters() -> Vec<ParametersError> {
    vec![
        ParametersError::Endless(x()),
        ParametersError::NoOwner { name: x(), source: json() },
        ParametersError::NoDate(x()),
    ]
}

pub fn ledger() -> Vec<LedgerStoreError> {
    let store = || object_store::Error::NotFound { path: x(), source: X.into() };
    vec![
        LedgerStoreError::Settings { bucket: x(), source: store() },
        LedgerStoreError::Unusable { key: x(), source: LedgerError::UnknownFormat(2) },
        LedgerStoreError::Denied { key: x(), source: store() },
        LedgerStoreError::NoBucket { key: x(), source: store() },
        LedgerStoreError::NoETag { key: x() },
        LedgerStoreError::TimedOut { key: x() },
        LedgerStoreError::Failed { key: x(), source: store() },
    ]
}

pub fn etcd() -> Vec<EtcdError> {
    vec![
        EtcdError::NotSent { url: x(), source: http() },
        EtcdError::Refused { url: x(), message: x(), retry: Retry::Soon },
        EtcdError::AlreadyDone { url: x(), message: x() },
        EtcdError::Unfinished { url: x(), message: x() },
        EtcdError::Unanswered { url: x(), source: http() },
        EtcdError::AuthenticationNeeded { url: x(), message: x() },
        EtcdError::Malformed { url: x(), what: x(), status: None, source: Some(json()) },
        EtcdError::Tls(http()),
    ]
}

fn http() -> reqwest::Error {
    reqwest::Client::new().get("no URL").build().unwrap_err()
}
