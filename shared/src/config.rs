//! The functions' configuration. The one file that reads the environment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs, io};

use membership::codes;
use membership::ids::ClusterName;
use membership::owner::{self, Owner};
use membership::settings::{Problem, Settings, duration};
use membership::words::quoted;
use thiserror::Error;

use crate::adapters::chain;

const DEFAULT_LEDGER_PREFIX: &str = "etcd-asg";
const DEFAULT_FUNCTION_TIMEOUT: Duration = Duration::from_secs(60);
/// The timeouts that make sense, in seconds. Lambda allows at most 900 (AWS Lambda quotas).
const FUNCTION_TIMEOUTS: std::ops::RangeInclusive<u64> = 10..=900;

/// How long the record of an owner may take to settle, in seconds.
const OWNER_SETTLES: std::ops::RangeInclusive<u64> = 1..=60;

/// Why the configuration cannot be used.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A variable that must be set is not set.
    #[error("the environment variable {0} is not set: {1}")]
    Missing(&'static str, &'static str),
    /// A TLS file cannot be read.
    #[error("the file {path} named by {name} cannot be read")]
    File {
        /// The name of the variable that names the file.
        name: &'static str,
        /// The path of the file.
        path: PathBuf,
        /// The error of the read.
        source: io::Error,
    },
}

codes!(ConfigError {
    ConfigError::Missing(..) => "variable-missing",
    ConfigError::File { .. } => "file-unreadable",
});

/// PEM documents for the connections to etcd.
#[derive(Clone, Default)]
pub struct TlsDocuments {
    /// The certificates of the authorities that sign the servers' certificates.
    pub ca: Option<Vec<u8>>,
    /// The client certificate and its private key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl std::fmt::Debug for TlsDocuments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (ca, identity) = (self.ca.is_some(), self.identity.is_some());
        f.debug_struct("TlsDocuments").field("ca", &ca).field("identity", &identity).finish()
    }
}

/// What a deployment configures for all its clusters.
#[derive(Clone, Debug)]
pub struct Config {
    /// The name of the bucket of the ledgers.
    pub bucket: String,
    /// The prefix of the ledgers' keys, without slashes at its ends.
    pub ledger_prefix: String,
    /// The VPC whose groups this deployment manages. `None` where the deployment was not told: no group is refused.
    pub vpc: Option<String>,
    /// The name of the deployment's stack, for people.
    pub deployment: String,
    /// How long a new record of a group's owner takes to settle.
    pub owner_settles: Duration,
    /// The functions' own timeout. It is used where the platform tells no credible deadline.
    pub function_timeout: Duration,
    /// The certificates for the connections to etcd.
    pub tls: TlsDocuments,
    defaults: Settings,
}

impl Config {
    /// Reads the process's environment.
    pub fn from_environment() -> Result<Self, ConfigError> {
        Self::from_source(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    /// What `RUST_LOG` says, in the notation of the crate `tracing`: which parts log how much.
    pub fn log_levels() -> Option<String> {
        env::var("RUST_LOG").ok()
    }

    /// Reads variables from wherever `get` takes them; TLS files from the disk. What cannot be read becomes a problem
    /// in every cluster's settings: a function that did not start would let each waiting hook run out.
    ///
    /// # Errors
    /// Without a bucket, nothing is known of any cluster.
    pub fn from_source(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get = |name: &str| get(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let bucket = get("ETCD_ASG_BUCKET")
            .ok_or(ConfigError::Missing("ETCD_ASG_BUCKET", "set it to the bucket of the ledgers"))?;
        let ledger_prefix = get("ETCD_ASG_LEDGER_PREFIX").unwrap_or_else(|| DEFAULT_LEDGER_PREFIX.to_owned());
        let ledger_prefix = ledger_prefix.trim_matches('/').to_owned();
        let mut defaults = Settings::default();
        for name in Settings::NAMES.into_iter().filter(|name| *name != "paused") {
            let variable = format!("ETCD_ASG_{}", name.to_uppercase().replace('-', "_"));
            if let Some(value) = get(&variable) {
                defaults.take(name, &value, &of_variable(&variable));
            }
        }
        let mut told = |name, allowed, default| {
            seconds(name, allowed, default, get).unwrap_or_else(|problem| {
                defaults.problems.push(problem);
                default
            })
        };
        let function_timeout = told("ETCD_ASG_FUNCTION_TIMEOUT", FUNCTION_TIMEOUTS, DEFAULT_FUNCTION_TIMEOUT);
        let owner_settles = told("ETCD_ASG_OWNER_SETTLES", OWNER_SETTLES, owner::SETTLES);
        let tls = tls(get).map_err(|error| chain(&error));
        let mut config = Self {
            bucket,
            ledger_prefix,
            vpc: get("ETCD_ASG_VPC"),
            deployment: get("ETCD_ASG_DEPLOYMENT").unwrap_or_default(),
            owner_settles,
            function_timeout,
            tls: TlsDocuments::default(),
            defaults,
        };
        match tls {
            Ok(tls) => config.tls = tls,
            Err(why) => config.without_certificates(why),
        }
        Ok(config)
    }

    /// This deployment, as the record of a group's owner names it.
    pub fn owner(&self, cluster: &ClusterName) -> Owner {
        Owner {
            bucket: self.bucket.clone(),
            ledger_prefix: self.ledger_prefix.clone(),
            parameter_prefix: self.defaults.prefix.clone(),
            vpc: self.vpc.clone().unwrap_or_default(),
            deployment: self.deployment.clone(),
            cluster: cluster.clone(),
            without_ledger: false,
        }
    }

    /// The certificates cannot be used. No cluster is touched then, because every member would seem silent.
    pub fn without_certificates(&mut self, why: String) {
        self.tls = TlsDocuments::default();
        let source = "the certificates for etcd".to_owned();
        self.defaults.problems.push(Problem::Unreadable { source, why });
    }

    /// The settings of one group: its tags `etcd-asg:<name>`, else the environment's values, else the defaults. What
    /// cannot be read, and what is almost right, is among their problems.
    ///
    /// `prefix` comes from the environment only.
    pub fn settings(&self, tags: &BTreeMap<String, String>) -> Settings {
        let mut settings = self.defaults.clone();
        settings.take_tags(tags);
        settings
    }
}

fn of_variable(name: &str) -> String {
    format!("the functions' variable {name}")
}

/// A time in whole seconds, within what is allowed.
fn seconds(
    name: &str,
    allowed: std::ops::RangeInclusive<u64>,
    default: Duration,
    get: impl Fn(&str) -> Option<String>,
) -> Result<Duration, Problem> {
    let Some(value) = get(name) else {
        return Ok(default);
    };
    duration(&value).filter(|time| allowed.contains(&time.as_secs())).ok_or_else(|| {
        let (least, most) = (allowed.start(), allowed.end());
        let why = format!("{} is not a time from {least} to {most} seconds", quoted(&value));
        Problem::Defaulted { source: of_variable(name), why, default: format!("{}s", default.as_secs()) }
    })
}

fn tls(get: impl Fn(&str) -> Option<String>) -> Result<TlsDocuments, ConfigError> {
    let read = |name: &'static str| -> Result<Option<Vec<u8>>, ConfigError> {
        let Some(path) = get(name).map(PathBuf::from) else {
            return Ok(None);
        };
        fs::read(&path).map(Some).map_err(|source| ConfigError::File { name, path, source })
    };
    let (certificate, key) = (read("ETCD_ASG_TLS_CERT_FILE")?, read("ETCD_ASG_TLS_KEY_FILE")?);
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) => {
            return Err(ConfigError::Missing("ETCD_ASG_TLS_KEY_FILE", "a certificate needs its key"));
        }
        (None, Some(_)) => {
            return Err(ConfigError::Missing("ETCD_ASG_TLS_CERT_FILE", "a key needs its certificate"));
        }
    };
    Ok(TlsDocuments { ca: read("ETCD_ASG_TLS_CA_FILE")?, identity })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables: BTreeMap<String, String> =
            variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::from_source(|name| variables.get(name).cloned())
    }

    fn tags(all: &[(&str, &str)]) -> BTreeMap<String, String> {
        all.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_tag_outranks_the_environment_which_outranks_the_default() {
        let variables = [
            ("ETCD_ASG_BUCKET", "b"),
            ("ETCD_ASG_JOIN_PATIENCE", "60s"),
            ("ETCD_ASG_UNPROVEN_GRACE", "30"),
            ("ETCD_ASG_PREFIX", "/other"),
        ];
        let config = config(&variables).unwrap();
        let settings = config.settings(&tags(&[
            ("etcd-asg:cluster", "c"),
            ("etcd-asg:join-patience", "2m"),
            ("Name", "n"),
        ]));
        assert_eq!(settings.join_patience, Duration::from_secs(120));
        assert_eq!(settings.unproven_grace, Duration::from_secs(30));
        assert_eq!(settings.leave_patience, Duration::from_secs(1800));
        assert_eq!(settings.prefix, "/other");
        assert_eq!(config.function_timeout, Duration::from_secs(60));
        assert_eq!(config.ledger_prefix, "etcd-asg");
    }

    #[test]
    fn what_cannot_be_read_is_said_of_every_cluster_and_nothing_fails_to_start() {
        assert!(config(&[]).unwrap_err().to_string().contains("ETCD_ASG_BUCKET is not set"));
        assert!(config(&[("ETCD_ASG_BUCKET", " ")]).is_err());
        for (variable, value, hands_off) in [
            ("ETCD_ASG_CLIENT_PORT", "0", true),
            ("ETCD_ASG_PREFIX", "etcd", true),
            ("ETCD_ASG_SCHEME", "ftp", true),
            ("ETCD_ASG_TLS_CERT_FILE", "/none/c.pem", true),
            ("ETCD_ASG_TLS_CA_FILE", "/none/ca.pem", true),
            ("ETCD_ASG_JOIN_PATIENCE", "soon", false),
            ("ETCD_ASG_FUNCTION_TIMEOUT", "1h", false),
            ("ETCD_ASG_FUNCTION_TIMEOUT", "60ss", false),
        ] {
            let config = config(&[("ETCD_ASG_BUCKET", "b"), (variable, value)]).unwrap();
            let settings = config.settings(&tags(&[("etcd-asg:cluster", "c")]));
            assert_eq!(settings.problems.len(), 1, "{variable}={value}");
            assert_eq!(settings.hands_off(), hands_off, "{variable}={value}");
            let said = settings.problems[0].to_string();
            assert!(said.contains(variable) || said.contains(value), "{said}");
        }
    }

    #[test]
    fn a_tag_that_can_be_read_outranks_a_variable_that_cannot() {
        let config = config(&[
            ("ETCD_ASG_BUCKET", "b"),
            ("ETCD_ASG_CLIENT_PORT", "x"),
            ("ETCD_ASG_PEER_PORT", " 2390 "),
        ])
        .unwrap();
        let of = |all: &[(&str, &str)]| config.settings(&tags(all));
        assert!(of(&[]).hands_off());
        let settings = of(&[("etcd-asg:client-port", "2379 ")]);
        assert_eq!((settings.problems.len(), settings.client_port, settings.peer_port), (0, 2379, 2390));
        assert!(of(&[("etcd-asg:client-port", "2379"), ("etcd-asg:peer-port", "")]).hands_off());
        assert!(of(&[("etcd-asg:client-port", "2379"), ("etcd-asg:paused", "")]).hands_off());
    }

    #[test]
    fn the_prefix_cannot_be_set_by_a_tag() {
        let config = config(&[("ETCD_ASG_BUCKET", "b")]).unwrap();
        let settings = config.settings(&tags(&[("etcd-asg:prefix", "/x"), ("etcd-asg:cluster", "c")]));
        assert_eq!(settings.prefix, Settings::default().prefix);
        assert_eq!(settings.problems.len(), 1);
    }
}
