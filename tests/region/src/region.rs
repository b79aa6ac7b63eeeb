//! Starts and ends a region.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::model::options::Options;
use crate::model::site::Site;
use crate::model::world::World;
use crate::router::{self, page};
use crate::services::autoscaling;
use crate::services::effects::Effects;
use crate::services::events::Events;
use crate::services::gate::Faults;
use crate::services::lambda::Functions;
use crate::services::machines::Machines;
use crate::services::network::Network;
use crate::services::network::links::Links;
use crate::services::parts::Parts;
use crate::services::proxy::Proxy;
use crate::services::s3::Storage;
use crate::services::ssm::Parameters;

/// A running region. Dropping it kills its processes; [`Region::shutdown`] also waits for their end.
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
    /// When the port or the network is in use, or a directory cannot be made.
    pub async fn start(mut options: Options) -> anyhow::Result<Self> {
        make_absolute(&mut options)?;
        let (state_dir, own_dir, temporary) = state_dir(options.state_dir.clone())?;
        let network = Arc::new(Network::reserve(options.network)?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await.with_context(|| {
            format!(
                "port {} of 127.0.0.1 is not free: end the process that listens there, or choose another port",
                options.port
            )
        })?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let site = Site::new(Arc::new(options), network.octets(), endpoint, state_dir);
        let links = Links::new(network.octets());
        links.clean().await;

        let faults = Faults::new(site.clone());
        let machines = Machines::new(site.clone(), links.clone());
        let proxy = Proxy::start(site.clone(), links.clone(), faults.clone()).await?;
        let functions = Functions::new(site.clone(), faults.clone(), proxy.address());
        let events = Events::new(site.clone(), functions.clone());
        let world = World::new(site.clone());
        let effects = Effects::new(world.clone(), machines.clone(), events.clone());
        let parameters = Parameters::new(site.clone());
        let storage = Storage::new(&site)?;
        let parts =
            Parts { site, network, links, faults, machines, functions, events, world, parameters, storage };

        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(router::serve(listener, parts.clone(), stop.clone()));
        tasks.spawn(autoscaling::run(parts.world.clone(), effects, stop.clone()));
        parts.events.start();
        Ok(Self { parts, proxy, stop, tasks, own_dir, temporary })
    }

    /// `http://127.0.0.1:PORT`, for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> &str {
        &self.parts.site.endpoint
    }

    /// The URL of the region's page for people.
    pub fn page(&self) -> String {
        format!("{}/_region/", self.endpoint())
    }

    /// The page as a snapshot: one HTML document with its data, which needs no region any more.
    pub async fn snapshot_page(&self) -> String {
        page::snapshot(&self.parts).await
    }

    /// The network of the instances.
    pub fn network(&self) -> &Network {
        &self.parts.network
    }

    /// The region's parts, for tests that look inside.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Ends every process of the region, waits for them, and removes what it wrote.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        self.parts.events.shutdown().await;
        self.parts.functions.shutdown().await;
        self.parts.machines.shutdown().await;
        if let Err(error) = self.parts.links.mend_all().await {
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

/// Makes the paths absolute: processes are started in their own directories, where relative paths would lead
/// elsewhere.
fn make_absolute(options: &mut Options) -> std::io::Result<()> {
    let own = [&mut options.functions_dir, &mut options.instance_dir, &mut options.etcd_dir];
    for directory in own.into_iter().chain(options.images.values_mut()) {
        *directory = std::path::absolute(&*directory)?;
    }
    Ok(())
}

/// The directory to use; the directory to remove at the end, if this call made it; and the temporary
/// directory, if any.
fn state_dir(wanted: Option<PathBuf>) -> anyhow::Result<(PathBuf, Option<PathBuf>, Option<TempDir>)> {
    let Some(directory) = wanted else {
        let temporary = tempfile::Builder::new().prefix("etcd-asg-region-").tempdir()?;
        return Ok((temporary.path().to_owned(), None, Some(temporary)));
    };
    std::fs::create_dir(&directory).with_context(|| {
        format!(
            "the state directory {} cannot be made: it must not exist yet, and its parent must exist",
            directory.display()
        )
    })?;
    let directory = directory.canonicalize()?;
    Ok((directory.clone(), Some(directory), None))
}
