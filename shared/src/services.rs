//! The clients that live as long as the process. A client of etcd lives as long as one invocation.

use membership::codes;
use thiserror::Error;

use crate::adapters::autoscaling::AutoScaling;
use crate::adapters::ec2::Ec2;
use crate::adapters::etcd::{ClientCertificate, EtcdClient, EtcdError, EtcdTls, Timeouts};
use crate::adapters::ledger::{LedgerStore, LedgerStoreError};
use crate::adapters::parameters::ParameterStore;
use crate::adapters::reports::ReportStore;
use crate::adapters::{aws_configuration, chain};
use crate::config::{Config, ConfigError};

/// The configuration and the clients that all clusters share.
#[derive(Debug)]
pub struct Services {
    /// The deployment's configuration.
    pub config: Config,
    /// The client for groups, hooks and lifecycle actions.
    pub autoscaling: AutoScaling,
    /// The client for machines.
    pub ec2: Ec2,
    /// The client for the parameters that instances and etcd's clients read.
    pub parameters: ParameterStore,
    /// The store of the ledgers.
    pub ledgers: LedgerStore,
    /// The last words of hosts.
    pub reports: ReportStore,
}

/// Why a function cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The ledgers' bucket cannot be used.
    #[error(transparent)]
    Ledgers(#[from] LedgerStoreError),
}

codes!(StartError {
    ; StartError::Config(error) => error,
    StartError::Ledgers(error) => error,
});

impl Services {
    /// Sets up all clients from the environment. Nothing is sent yet.
    pub async fn from_environment() -> Result<Self, StartError> {
        let mut config = Config::from_environment()?;
        // A certificate that cannot be used becomes a problem that every cluster tells.
        if let Err(error) = etcd(&config) {
            config.without_certificates(chain(&error));
        }
        let aws = aws_configuration().await;
        let ledgers = LedgerStore::s3(&config.bucket, &config.ledger_prefix)?;
        Ok(Self {
            autoscaling: AutoScaling::new(&aws),
            ec2: Ec2::new(&aws),
            parameters: ParameterStore::new(&aws),
            reports: ReportStore::new(ledgers.bucket()),
            ledgers,
            config,
        })
    }

    /// Makes a client of etcd for one invocation. It is dropped with the invocation, so that no change outlives it.
    pub fn etcd(&self) -> Result<EtcdClient, EtcdError> {
        etcd(&self.config)
    }
}

fn etcd(config: &Config) -> Result<EtcdClient, EtcdError> {
    let tls = config.tls.clone();
    let client = tls.identity.map(|(certificate, key)| ClientCertificate { certificate, key });
    EtcdClient::new(EtcdTls { authorities: tls.ca, client }, Timeouts::default())
}
