//! The functions' configuration. The one file that reads the environment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs, io};

use membership::codes;
use membership::ids::ClusterName;
use membership::observation::END_TAG;
use membership::owner::{self, Owner};
use membership::settings::Settings;
use membership::words::quoted;
use thiserror::Error;

use crate::adapters::autoscaling::CLUSTER_TAG;

const TAG_PREFIX: &str = "etcd-asg:";
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
    /// A variable has a value that is not allowed.
    #[error("the environment variable {name}: {reason}")]
    Wrong {
        /// The variable's name.
        name: String,
        /// The value, and what is allowed.
        reason: String,
    },
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
    ConfigError::Wrong { .. } => "variable-wrong",
    ConfigError::File { .. } => "file-unreadable",
});

/// A tag of a group has a value that its setting does not allow.
#[derive(Debug, Error)]
#[error("the group's tag {tag}: {reason}")]
pub struct WrongSetting {
    /// The tag's key.
    pub tag: String,
    /// The value, and what is allowed.
    pub reason: String,
}

codes!(WrongSetting {
    WrongSetting { .. } => "setting-wrong",
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

    /// Reads variables from wherever `get` takes them; TLS files from the disk.
    pub fn from_source(get: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let bucket = get("ETCD_ASG_BUCKET")
            .ok_or(ConfigError::Missing("ETCD_ASG_BUCKET", "set it to the bucket of the ledgers"))?;
        let ledger_prefix = get("ETCD_ASG_LEDGER_PREFIX").unwrap_or_else(|| DEFAULT_LEDGER_PREFIX.to_owned());
        let ledger_prefix = ledger_prefix.trim_matches('/').to_owned();
        let mut defaults = Settings::default();
        for name in Settings::NAMES.into_iter().filter(|name| *name != "paused") {
            let variable = format!("ETCD_ASG_{}", name.to_uppercase().replace('-', "_"));
            if let Some(value) = get(&variable) {
                defaults.set(name, &value).map_err(|reason| ConfigError::Wrong { name: variable, reason })?;
            }
        }
        Ok(Self {
            bucket,
            ledger_prefix,
            vpc: get("ETCD_ASG_VPC"),
            deployment: get("ETCD_ASG_DEPLOYMENT").unwrap_or_default(),
            owner_settles: owner_settles(&get)?,
            function_timeout: function_timeout(&get)?,
            tls: tls(&get)?,
            defaults,
        })
    }

    /// The settings of one group: its tags `etcd-asg:<name>`, else the environment's values, else the defaults.
    ///
    /// `prefix` comes from the environment only. A tag that is not known is ignored: see [`Config::unknown_tags`].
    pub fn settings(&self, tags: &BTreeMap<String, String>) -> Result<Settings, WrongSetting> {
        let mut settings = self.defaults.clone();
        for (name, value) in ours(tags).filter(|(name, _)| settable(name)) {
            settings
                .set(name, value)
                .map_err(|reason| WrongSetting { tag: format!("{TAG_PREFIX}{name}"), reason })?;
        }
        Ok(settings)
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

    /// The tags that look like settings and are not: a name may be misspelt.
    pub fn unknown_tags(tags: &BTreeMap<String, String>) -> Vec<String> {
        let unknown = ours(tags).filter(|(name, _)| !settable(name));
        let unknown = unknown.map(|(name, _)| format!("{TAG_PREFIX}{name}"));
        unknown.filter(|tag| ![CLUSTER_TAG, END_TAG].contains(&tag.as_str())).collect()
    }
}

fn ours(tags: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().filter_map(|(tag, value)| Some((tag.strip_prefix(TAG_PREFIX)?, value.as_str())))
}

fn settable(name: &str) -> bool {
    name != "prefix" && Settings::NAMES.contains(&name)
}

fn function_timeout(get: impl Fn(&str) -> Option<String>) -> Result<Duration, ConfigError> {
    let told = seconds("ETCD_ASG_FUNCTION_TIMEOUT", FUNCTION_TIMEOUTS, get)?;
    Ok(told.unwrap_or(DEFAULT_FUNCTION_TIMEOUT))
}

/// The Parameter Store says nothing of how soon a write is seen by all. Tests on a region that is consistent at once
/// need not wait for it.
fn owner_settles(get: impl Fn(&str) -> Option<String>) -> Result<Duration, ConfigError> {
    let told = seconds("ETCD_ASG_OWNER_SETTLES", OWNER_SETTLES, get)?;
    Ok(told.unwrap_or(owner::SETTLES))
}

fn seconds(
    name: &str,
    allowed: std::ops::RangeInclusive<u64>,
    get: impl Fn(&str) -> Option<String>,
) -> Result<Option<Duration>, ConfigError> {
    let Some(value) = get(name) else {
        return Ok(None);
    };
    match value.strip_suffix('s').unwrap_or(&value).parse::<u64>() {
        Ok(seconds) if allowed.contains(&seconds) => Ok(Some(Duration::from_secs(seconds))),
        _ => {
            let (least, most) = (allowed.start(), allowed.end());
            let reason = format!("{} is not a time from {least} to {most} seconds", quoted(&value));
            Err(ConfigError::Wrong { name: name.to_owned(), reason })
        }
    }
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
        let settings = config
            .settings(&tags(&[("etcd-asg:cluster", "c"), ("etcd-asg:join-patience", "2m"), ("Name", "n")]))
            .unwrap();
        assert_eq!(settings.join_patience, Duration::from_secs(120));
        assert_eq!(settings.unproven_grace, Duration::from_secs(30));
        assert_eq!(settings.leave_patience, Duration::from_secs(1800));
        assert_eq!(settings.prefix, "/other");
        assert_eq!(config.function_timeout, Duration::from_secs(60));
        assert_eq!(config.ledger_prefix, "etcd-asg");
    }

    #[test]
    fn a_wrong_value_is_refused_in_one_sentence() {
        for (variables, part) in [
            (vec![], "ETCD_ASG_BUCKET is not set"),
            (vec![("ETCD_ASG_BUCKET", "b"), ("ETCD_ASG_CLIENT_PORT", "0")], "ETCD_ASG_CLIENT_PORT"),
            (vec![("ETCD_ASG_BUCKET", "b"), ("ETCD_ASG_FUNCTION_TIMEOUT", "1h")], "10 to 900"),
            (vec![("ETCD_ASG_BUCKET", "b"), ("ETCD_ASG_FUNCTION_TIMEOUT", "60ss")], "10 to 900"),
            (vec![("ETCD_ASG_BUCKET", "b"), ("ETCD_ASG_TLS_CERT_FILE", "/none/c.pem")], "/none/c.pem"),
        ] {
            let error = config(&variables).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let config = config(&[("ETCD_ASG_BUCKET", "b")]).unwrap();
        let error = config.settings(&tags(&[("etcd-asg:join-patience", "1s")])).unwrap_err().to_string();
        assert!(error.contains("etcd-asg:join-patience"), "{error}");
    }

    #[test]
    fn the_prefix_and_misspelt_names_cannot_be_set_by_a_tag() {
        let config = config(&[("ETCD_ASG_BUCKET", "b")]).unwrap();
        let ours = [("etcd-asg:cluster", "c"), ("etcd-asg:end", "destroy-1")];
        let all = tags(&[&ours[..], &[("etcd-asg:prefix", "/x"), ("etcd-asg:pause", "true")]].concat());
        assert_eq!(config.settings(&all).unwrap(), Settings::default());
        assert_eq!(Config::unknown_tags(&all), ["etcd-asg:pause", "etcd-asg:prefix"]);
    }
}
