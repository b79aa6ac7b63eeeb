//! The Parameter Store: the parameters that instances and etcd's clients read.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_ssm::Client;
use aws_sdk_ssm::config::Config;
use aws_sdk_ssm::config::retry::RetryConfig;
use aws_sdk_ssm::types::{Parameter, ParameterType};
use membership::codes;
use membership::ids::{ClusterName, InstanceId, Timestamp};
use membership::invocation::Retry;
use membership::observation::Parameters;
use membership::owner::OwnerRecord;
use membership::words::one_line;
use thiserror::Error;

use super::{AwsFailure, Ended};

/// Empty pages with a token are allowed. An endless chain of pages is not followed.
const MOST_PAGES: usize = 100;

/// Why a call to the Parameter Store failed.
#[derive(Debug, Error)]
pub enum ParametersError {
    /// The call failed.
    #[error(transparent)]
    Call(#[from] AwsFailure),
    /// A parameter could not be written.
    #[error("the parameter {name} was not written")]
    NotWritten {
        /// The parameter's name.
        name: String,
        /// Why.
        source: AwsFailure,
    },
    /// The listing has more pages than are followed.
    #[error("GetParametersByPath of {0} answered more than {MOST_PAGES} pages")]
    Endless(String),
    /// The parameter that should name a group's owner holds something else.
    #[error(
        "the parameter {name} is no record of a group's owner: {}; put back what stood there (its history has it), or delete it",
        one_line(.source)
    )]
    NoOwner {
        /// The parameter's name.
        name: String,
        /// What is wrong with the value.
        source: serde_json::Error,
    },
    /// The answer does not tell when the record of the owner was written.
    #[error("GetParameter of {0} answered no date")]
    NoDate(String),
}

codes!(ParametersError {
    ParametersError::Endless(_) => "parameters-endless",
    ParametersError::NoOwner { .. } => "owner-unreadable",
    ParametersError::NoDate(_) => "owner-without-date",
    ; ParametersError::Call(failure) | ParametersError::NotWritten { source: failure, .. } => failure,
});

impl ParametersError {
    /// What is known of the call.
    pub fn ended(&self) -> Ended {
        match self {
            ParametersError::Call(failure) | ParametersError::NotWritten { source: failure, .. } => {
                failure.ended()
            }
            ParametersError::Endless(_) | ParametersError::NoOwner { .. } | ParametersError::NoDate(_) => {
                Ended::NotDone(Retry::OnceMended)
            }
        }
    }
}

/// What a call that creates a parameter came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The parameter was created.
    Created,
    /// The parameter existed already and is unchanged.
    Existed,
}

/// A parameter's value, and the version that the Parameter Store counts with each write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versioned {
    /// 1 for a parameter that was just created.
    pub version: i64,
    /// The value.
    pub value: String,
}

/// The parameters of one cluster.
#[derive(Clone, Debug)]
pub struct ParameterStore {
    client: Client,
}

/// The path under which one cluster's parameters stand: `{prefix}/{cluster}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterPath(String);

impl ParameterPath {
    /// The path of this cluster under this prefix.
    pub fn new(prefix: &str, cluster: &ClusterName) -> Self {
        Self(format!("{prefix}/{cluster}"))
    }

    /// The parameter with the env file of an instance.
    pub fn env(&self, instance: &InstanceId) -> String {
        format!("{}/instances/{instance}", self.0)
    }

    /// The parameter with the string for etcd's `initial-cluster`.
    pub fn initial_cluster(&self) -> String {
        format!("{}/initial-cluster", self.0)
    }

    /// The parameter with the client URLs of the published voters.
    pub fn endpoints(&self) -> String {
        format!("{}/endpoints", self.0)
    }
}

impl ParameterStore {
    /// A client of the service.
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// Reads all parameters of a cluster, by their full names.
    pub async fn read_all(
        &self,
        path: &ParameterPath,
    ) -> Result<BTreeMap<String, Versioned>, ParametersError> {
        let mut all = BTreeMap::new();
        let mut token = None;
        for _ in 0..MOST_PAGES {
            let call = self.client.get_parameters_by_path().path(&path.0).recursive(true).max_results(10);
            let page = call.set_next_token(token).send().await;
            let page = page.map_err(|e| AwsFailure::of("GetParametersByPath", e))?;
            for parameter in page.parameters() {
                if let (Some(name), Some(value)) = (parameter.name(), parameter.value()) {
                    all.insert(
                        name.to_owned(),
                        Versioned { version: parameter.version(), value: value.to_owned() },
                    );
                }
            }
            token = page.next_token().filter(|t| !t.is_empty()).map(str::to_owned);
            if token.is_none() {
                return Ok(all);
            }
        }
        Err(ParametersError::Endless(path.0.clone()))
    }

    /// Reads the record of a group's owner by its exact name; `None` when there is none.
    pub async fn owner(&self, name: &str) -> Result<Option<OwnerRecord>, ParametersError> {
        let answer = self.client.get_parameter().name(name).send().await;
        let parameter = match answer.map_err(|e| AwsFailure::of("GetParameter", e)) {
            Ok(answer) => answer.parameter,
            Err(failure) if failure.service_code() == Some("ParameterNotFound") => return Ok(None),
            Err(failure) => return Err(failure.into()),
        };
        let value = parameter.as_ref().and_then(Parameter::value).unwrap_or_default();
        let owner = serde_json::from_str(value)
            .map_err(|source| ParametersError::NoOwner { name: name.to_owned(), source })?;
        let written = parameter.as_ref().and_then(Parameter::last_modified_date);
        let written = written.and_then(|at| u64::try_from(at.to_millis().ok()?).ok());
        let written = Timestamp(written.ok_or_else(|| ParametersError::NoDate(name.to_owned()))?);
        Ok(Some(OwnerRecord { owner, written }))
    }

    /// Creates a parameter. A parameter that exists is left as it is.
    pub async fn put_if_absent(&self, name: &str, value: &str) -> Result<Put, ParametersError> {
        let call = self.client.put_parameter().name(name).value(value).r#type(ParameterType::String);
        match call.overwrite(false).send().await.map_err(|e| AwsFailure::of("PutParameter", e)) {
            Ok(_) => Ok(Put::Created),
            Err(failure) if failure.service_code() == Some("ParameterAlreadyExists") => Ok(Put::Existed),
            Err(source) => Err(ParametersError::NotWritten { name: name.to_owned(), source }),
        }
    }

    /// Creates or overwrites a parameter. The request is sent once, so that the caller knows whether it may still
    /// land.
    pub async fn overwrite(&self, name: &str, value: &str) -> Result<(), ParametersError> {
        self.put(name, value, ParameterType::String).await
    }

    /// Creates or overwrites a parameter that is a list. The request is sent once.
    pub async fn overwrite_list(&self, name: &str, values: &[String]) -> Result<(), ParametersError> {
        self.put(name, &values.join(","), ParameterType::StringList).await
    }

    async fn put(&self, name: &str, value: &str, kind: ParameterType) -> Result<(), ParametersError> {
        let call = self.client.put_parameter().name(name).value(value).r#type(kind).overwrite(true);
        let once = Config::builder().retry_config(RetryConfig::disabled());
        let answer = call.customize().config_override(once).send().await;
        let put = answer.map_err(|e| AwsFailure::of("PutParameter", e));
        put.map(drop).map_err(|source| ParametersError::NotWritten { name: name.to_owned(), source })
    }

    /// Deletes a parameter, if it exists.
    pub async fn delete(&self, name: &str) -> Result<(), ParametersError> {
        match self.client.delete_parameter().name(name).send().await {
            Ok(_) => Ok(()),
            Err(error) => match AwsFailure::of("DeleteParameter", error) {
                failure if failure.service_code() == Some("ParameterNotFound") => Ok(()),
                failure => Err(failure.into()),
            },
        }
    }
}

/// Picks out the parameters of etcd-asg by their names. Other parameters are ignored.
pub fn sorted_out(path: &ParameterPath, all: BTreeMap<String, String>) -> Parameters {
    let mut parameters = Parameters::default();
    for (name, value) in all {
        if name == path.initial_cluster() {
            parameters.initial_cluster = Some(value);
        } else if name == path.endpoints() {
            parameters.endpoints = Some(value.split(',').map(str::to_owned).collect());
        } else if let Some(Ok(id)) =
            name.strip_prefix(&format!("{}/instances/", path.0)).map(InstanceId::parse)
        {
            parameters.envs.insert(id, value);
        }
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_told_apart_by_name() {
        let path = ParameterPath::new("/etcd-asg", &ClusterName::from("c"));
        let all = [
            ("/etcd-asg/c/initial-cluster", "a=http://1"),
            ("/etcd-asg/c/endpoints", "http://1,http://2"),
            ("/etcd-asg/c/instances/i-1234abcd", "ETCD_NAME=i-1234abcd\n"),
            ("/etcd-asg/c/instances/somebody", "x"),
            ("/etcd-asg/c/note", "x"),
        ];
        let all = all.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        let found = sorted_out(&path, all);
        assert_eq!(found.initial_cluster.as_deref(), Some("a=http://1"));
        assert_eq!(found.endpoints, Some(vec!["http://1".to_owned(), "http://2".to_owned()]));
        assert_eq!(found.envs.keys().map(InstanceId::as_str).collect::<Vec<_>>(), ["i-1234abcd"]);
    }
}
