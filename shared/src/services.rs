//! The clients that live as long as the process. Those of etcd live as long as one invocation.

use thiserror::Error;

use crate::adapters::autoscaling::AutoScaling;
use crate::adapters::aws_configuration;
use crate::adapters::ec2::Ec2;
use crate::adapters::etcd::{ClientCertificate, EtcdClient, EtcdError, EtcdTls, Timeouts};
use crate::adapters::ledger::{LedgerStore, LedgerStoreError};
use crate::adapters::parameters::ParameterStore;
use crate::config::{Config, ConfigError};

/// Everything outside that does not belong to one cluster.
#[derive(Debug)]
pub struct Services {
    /// The deployment's configuration.
    pub config: Config,
    /// Groups, hooks, lifecycle actions.
    pub autoscaling: AutoScaling,
    /// Machines.
    pub ec2: Ec2,
    /// What hosts and clients read.
    pub parameters: ParameterStore,
    /// The ledgers.
    pub ledgers: LedgerStore,
}

/// Why a function cannot start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Its configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The ledgers' bucket cannot be used.
    #[error(transparent)]
    Ledgers(#[from] LedgerStoreError),
    /// The certificates for etcd cannot be used.
    #[error(transparent)]
    Certificates(#[from] EtcdError),
}

impl Services {
    /// Sets up all clients from the environment. Nothing is asked of anyone yet.
    pub async fn from_environment() -> Result<Self, StartError> {
        let config = Config::from_environment()?;
        let aws = aws_configuration().await;
        let services = Self {
            autoscaling: AutoScaling::new(&aws),
            ec2: Ec2::new(&aws),
            parameters: ParameterStore::new(&aws),
            ledgers: LedgerStore::s3(&config.bucket, &config.ledger_prefix)?,
            config,
        };
        // Certificates that cannot be used are found at the start, not at the first event.
        services.etcd()?;
        Ok(services)
    }

    /// A client of etcd for one invocation: dropped with it, so that no change outlives its handler.
    pub fn etcd(&self) -> Result<EtcdClient, EtcdError> {
        let tls = self.config.tls.clone();
        let client = tls.identity.map(|(certificate, key)| ClientCertificate { certificate, key });
        EtcdClient::new(EtcdTls { authorities: tls.ca, client }, Timeouts::default())
    }
}
