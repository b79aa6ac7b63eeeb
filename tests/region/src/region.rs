//! Bringing a region up and down.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::events::Events;
use crate::faults::Faults;
use crate::lambda::Functions;
use crate::machines::Machines;
use crate::proxy::Proxy;
use crate::s3::Storage;
use crate::ssm::Parameters;
use crate::world::World;
use crate::{Network, Options, Site, http, page};

/// All parts of one region. Cheap to clone.
#[derive(Clone)]
pub struct Parts {
    /// Options, addresses, chance, timeline.
    pub site: Site,
    /// The gate that every call passes.
    pub faults: Faults,
    /// The instances' processes.
    pub machines: Machines,
    /// Lambda.
    pub functions: Functions,
    /// EventBridge.
    pub events: Events,
    /// Auto Scaling groups and EC2 instances.
    pub world: World,
    /// SSM Parameter Store.
    pub parameters: Parameters,
    /// S3.
    pub storage: Storage,
}

/// A running region. Dropping it kills its processes; [`Region::shutdown`] also waits for them.
pub struct Region {
    parts: Parts,
    proxy: Proxy,
    stop: CancellationToken,
    tasks: TaskTracker,
    own_dir: Option<PathBuf>,
    temporary: Option<TempDir>,
}

impl Region {
    /// Starts a region and returns once its APIs answer.
    ///
    /// # Errors
    /// When the port or the network is taken, or a directory cannot be made.
    pub async fn start(mut options: Options) -> anyhow::Result<Self> {
        make_absolute(&mut options)?;
        let (state_dir, own_dir, temporary) = state_dir(options.state_dir.clone())?;
        let network = Arc::new(Network::reserve(options.network)?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await.with_context(|| {
            format!(
                "port {} of 127.0.0.1 cannot be had: end what listens there, or choose another",
                options.port
            )
        })?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let site = Site::new(Arc::new(options), network, endpoint, state_dir);
        site.links.clean().await;

        let faults = Faults::new(site.clone());
        let machines = Machines::new(site.clone());
        let proxy = Proxy::start(site.clone(), faults.clone()).await?;
        let functions = Functions::new(site.clone(), faults.clone(), proxy.address());
        let events = Events::new(site.clone(), functions.clone());
        let world = World::new(site.clone(), machines.clone(), events.clone());
        let parameters = Parameters::new(site.clone());
        let storage = Storage::new(&site)?;
        let parts = Parts { site, faults, machines, functions, events, world, parameters, storage };

        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(http::serve(listener, parts.clone(), stop.clone()));
        tasks.spawn(crate::autoscaling::run(parts.world.clone(), stop.clone()));
        parts.events.start();
        Ok(Self { parts, proxy, stop, tasks, own_dir, temporary })
    }

    /// `http://127.0.0.1:PORT`, for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> &str {
        &self.parts.site.endpoint
    }

    /// The address of the page that a person looks at.
    pub fn page(&self) -> String {
        format!("{}/_region/", self.endpoint())
    }

    /// The same page with what it shows now in it: one file, which needs no region any more.
    pub async fn snapshot_page(&self) -> String {
        page::snapshot(&self.parts).await
    }

    /// The network of the instances.
    pub fn network(&self) -> &Network {
        &self.parts.site.network
    }

    /// The parts, for tests that look inside.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Ends every process of the region, waits for them, and removes what it wrote.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        self.parts.events.shutdown().await;
        self.parts.functions.shutdown().await;
        self.parts.machines.shutdown().await;
        if let Err(error) = self.parts.site.links.mend_all().await {
            tracing::warn!(%error, "the region's packet filter rules could not be removed");
        }
        self.proxy.shutdown().await;
        self.tasks.close();
        self.tasks.wait().await;
        if let Some(temporary) = self.temporary.take()
            && let Err(error) = temporary.close()
        {
            tracing::warn!(%error, "the temporary directory could not be removed");
        }
        self.remove_own_dir();
    }

    fn remove_own_dir(&mut self) {
        if let Some(directory) = self.own_dir.take()
            && let Err(error) = std::fs::remove_dir_all(&directory)
        {
            tracing::warn!(%error, directory = %directory.display(), "the state directory could not be removed");
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.stop.cancel();
        self.parts.functions.kill_now();
        self.parts.machines.kill_now();
        self.remove_own_dir();
    }
}

/// Processes are started in directories of their own, where relative paths would lead elsewhere.
fn make_absolute(options: &mut Options) -> std::io::Result<()> {
    let own = [&mut options.functions_dir, &mut options.instance_dir, &mut options.etcd_dir];
    for directory in own.into_iter().chain(options.images.values_mut()) {
        *directory = std::path::absolute(&*directory)?;
    }
    Ok(())
}

/// The directory to use, the one to remove at the end (only where this call made it), and the temporary one.
fn state_dir(wanted: Option<PathBuf>) -> anyhow::Result<(PathBuf, Option<PathBuf>, Option<TempDir>)> {
    let Some(directory) = wanted else {
        let temporary = tempfile::Builder::new().prefix("etcd-asg-region-").tempdir()?;
        return Ok((temporary.path().to_owned(), None, Some(temporary)));
    };
    std::fs::create_dir(&directory).with_context(|| {
        format!(
            "the state directory {} cannot be made: it must not exist yet, its parent must",
            directory.display()
        )
    })?;
    let directory = directory.canonicalize()?;
    Ok((directory.clone(), Some(directory), None))
}
