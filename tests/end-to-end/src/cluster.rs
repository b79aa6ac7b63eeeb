//! A group and its cluster, controlled and observed from outside, without the functions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use aws_sdk_autoscaling::types::{
    LaunchTemplateSpecification, LifecycleHookSpecification, RefreshPreferences, Tag as GroupTag,
};
use membership::ledger::{Ledger, Phase};

use crate::account::Account;
use crate::etcd::{Etcd, Listed};
use crate::image::launch_template;
use crate::wait::{in_the_end, until};

/// How long a cluster may take to settle in a test: many times what it needs.
pub const LIMIT: Duration = Duration::from_secs(240);

/// Longer than any read of the hostile region is stale.
const STALE: Duration = Duration::from_secs(3);

/// One instance, as the group describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The EC2 instance ID.
    pub id: String,
    /// The lifecycle state as AWS spells it, such as `InService`.
    pub lifecycle: String,
}

/// A group and its cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The clients of the account that the group is in.
    pub account: Account,
    /// The name of the group, and of the cluster.
    pub name: String,
    etcd: Etcd,
}

impl Cluster {
    /// Creates the group with both lifecycle hooks, and with each setting as a tag `etcd-asg:<setting>`.
    pub async fn create(account: Account, name: &str, size: i32, settings: &[(&str, &str)]) -> Result<Self> {
        let hook = |suffix: &str, transition: &str| {
            LifecycleHookSpecification::builder()
                .lifecycle_hook_name(format!("etcd-asg-{suffix}"))
                .lifecycle_transition(format!("autoscaling:EC2_INSTANCE_{transition}"))
                .heartbeat_timeout(300)
                .default_result("ABANDON")
                .build()
        };
        let tag = |key: &str, value: &str| {
            GroupTag::builder().key(key).value(value).resource_id(name).propagate_at_launch(true).build()
        };
        let template =
            LaunchTemplateSpecification::builder().launch_template_name(name).version("$Default").build();
        launch_template(&account, name, None).await?;
        let mut request = account
            .autoscaling
            .create_auto_scaling_group()
            .auto_scaling_group_name(name)
            .min_size(0)
            .max_size(9)
            .desired_capacity(size)
            .availability_zones("us-east-1a")
            .launch_template(template)
            .lifecycle_hook_specification_list(hook("launch", "LAUNCHING"))
            .lifecycle_hook_specification_list(hook("terminate", "TERMINATING"))
            .tags(tag("etcd-asg:cluster", name));
        for (setting, value) in settings {
            request = request.tags(tag(&format!("etcd-asg:{setting}"), value));
        }
        request.send().await.context("creating the group")?;
        Self::existing(account, name)
    }

    /// A group that exists already.
    pub fn existing(account: Account, name: &str) -> Result<Self> {
        Ok(Self { account, name: name.to_owned(), etcd: Etcd::new(Duration::from_secs(2))? })
    }

    /// The client that calls the cluster's members.
    pub fn etcd(&self) -> &Etcd {
        &self.etcd
    }

    /// The group's instances, in the group's own order.
    pub async fn nodes(&self) -> Result<Vec<Node>> {
        let answer = self
            .account
            .autoscaling
            .describe_auto_scaling_groups()
            .auto_scaling_group_names(&self.name)
            .send();
        let answer = answer.await.context("describing the group")?;
        let group = answer.auto_scaling_groups().first().context("the group is gone")?;
        let node = |i: &aws_sdk_autoscaling::types::Instance| Node {
            id: i.instance_id().unwrap_or_default().to_owned(),
            lifecycle: i.lifecycle_state().map(|s| s.as_str().to_owned()).unwrap_or_default(),
        };
        Ok(group.instances().iter().map(node).collect())
    }

    /// The private address of every instance that has one, by instance ID.
    pub async fn addresses(&self) -> Result<BTreeMap<String, String>> {
        let filter =
            aws_sdk_ec2::types::Filter::builder().name("tag:aws:autoscaling:groupName").values(&self.name);
        let answer = self.account.ec2.describe_instances().filters(filter.build()).send().await?;
        let instances = answer.reservations().iter().flat_map(|r| r.instances());
        let running = instances.filter_map(|i| {
            let address = i.private_ip_address().filter(|a| !a.is_empty())?;
            Some((i.instance_id()?.to_owned(), address.to_owned()))
        });
        Ok(running.collect())
    }

    /// The client URL of an instance.
    pub async fn client_url(&self, instance: &str) -> Result<String> {
        let addresses = self.addresses().await?;
        let address = addresses.get(instance).with_context(|| format!("{instance} has no address"))?;
        Ok(format!("http://{address}:2379"))
    }

    /// The client URLs in the parameter `endpoints`. A stale read of the hostile region may not know the
    /// parameter yet, so it is read again for a while.
    pub async fn endpoints(&self) -> Result<Vec<String>> {
        until("endpoints are published", STALE, || async {
            let name = format!("/etcd-asg/{}/endpoints", self.name);
            let answer = self.account.ssm.get_parameter().name(name).send().await?;
            let value = answer.parameter().and_then(|p| p.value()).unwrap_or_default().to_owned();
            Ok(value.split(',').filter(|url| !url.is_empty()).map(str::to_owned).collect())
        })
        .await
    }

    /// The env of an instance, taken from the region's own state, which is never stale.
    pub async fn env(&self, instance: &str) -> Result<String> {
        let state = self.account.state().await?;
        let value = &state["parameters"][format!("/etcd-asg/{}/instances/{instance}", self.name)]["value"];
        Ok(value.as_str().with_context(|| format!("{instance} has no env"))?.to_owned())
    }

    /// Every version of the ledger, oldest first.
    pub async fn ledgers(&self) -> Result<Vec<Ledger>> {
        self.versions_of_ledger("").await
    }

    /// The versions of the ledger after the first `known` ones, oldest first.
    pub async fn ledgers_after(&self, known: u64) -> Result<Vec<Ledger>> {
        self.versions_of_ledger(&format!("?after={known}")).await
    }

    /// The last version of the ledger.
    pub async fn ledger(&self) -> Result<Ledger> {
        self.versions_of_ledger("?last=true").await?.pop().context("there is no ledger yet")
    }

    async fn versions_of_ledger(&self, which: &str) -> Result<Vec<Ledger>> {
        let keys: Vec<String> = serde_json::from_str(&self.account.page("ledgers").await?)?;
        let wanted = format!("/{}/ledger.json", self.name);
        let key = keys.iter().find(|k| k.ends_with(&wanted)).context("there is no ledger yet")?;
        let versions: Vec<serde_json::Value> =
            serde_json::from_str(&self.account.page(&format!("ledgers/{key}{which}")).await?)?;
        versions.iter().map(|v| Ok(Ledger::from_json(v["body"].to_string().as_bytes())?)).collect()
    }

    /// The seed of the ledger's generation.
    ///
    /// # Errors
    /// While no seed is chosen.
    pub async fn seed(&self) -> Result<String> {
        let ledger = self.ledger().await?;
        Ok(ledger.seed().context("the generation has no seed")?.to_string())
    }

    /// The member list, from the first endpoint that answers.
    pub async fn members(&self) -> Result<Vec<Listed>> {
        let mut last = anyhow::anyhow!("no endpoint is published");
        for url in self.endpoints().await? {
            match self.etcd.members(&url).await {
                Ok(members) => return Ok(members),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// The instance whose member leads. Waits while no member leads, as in an election.
    pub async fn leader(&self) -> Result<String> {
        until("a member leads", LIMIT, || self.leads()).await
    }

    async fn leads(&self) -> Result<String> {
        let members = self.members().await?;
        for url in self.endpoints().await? {
            if let Ok(status) = self.etcd.status(&url).await
                && let Some(leader) = members.iter().find(|m| m.id == status.leader)
            {
                return Ok(leader.name.clone());
            }
        }
        anyhow::bail!("no member leads")
    }

    /// The instance whose etcd says that it leads, whatever the member's name is. Waits while no etcd says
    /// so.
    pub async fn leading_instance(&self) -> Result<String> {
        until("a member leads", LIMIT, || async {
            for (instance, address) in self.addresses().await? {
                let status = self.etcd.status(&format!("http://{address}:2379")).await;
                if status.is_ok_and(|s| s.leader == s.member) {
                    return Ok(instance);
                }
            }
            anyhow::bail!("no member leads")
        })
        .await
    }

    /// An instance in service whose member does not lead. Waits while there is none.
    pub async fn follower(&self) -> Result<String> {
        until("there is a follower in service", LIMIT, || async {
            let leader = self.leads().await?;
            let nodes = self.nodes().await?;
            let mut others = nodes.iter().filter(|n| n.id != leader && n.lifecycle == "InService");
            others.next().map(|n| n.id.clone()).context("no instance in service is a follower")
        })
        .await
    }

    /// Succeeds if the cluster is settled: the group has `size` instances, all in service; exactly their
    /// members vote and are published; the generation has formed; no change is in flight or unanswered.
    ///
    /// # Errors
    /// The first of these that does not hold.
    pub async fn is_settled(&self, size: usize) -> Result<()> {
        let nodes = self.nodes().await?;
        let in_service: BTreeSet<_> =
            nodes.iter().filter(|n| n.lifecycle == "InService").map(|n| &n.id).collect();
        ensure!(nodes.len() == size && in_service.len() == size, "the group has {nodes:?}");
        let ledger = self.ledger().await?;
        ensure!(ledger.generation.phase == Phase::Formed, "the generation is {:?}", ledger.generation.phase);
        ensure!(
            ledger.claim.is_none() && ledger.unanswered.is_empty(),
            "a change is in flight or unanswered: {:?}, {:?}",
            ledger.claim,
            ledger.unanswered
        );
        let members = self.members().await?;
        let voters: BTreeSet<_> = members.iter().filter(|m| !m.learner).map(|m| &m.name).collect();
        ensure!(members.len() == size && voters == in_service, "the members are {members:?}");
        let (endpoints, addresses) = (self.endpoints().await?, self.addresses().await?);
        for id in &in_service {
            let address = addresses.get(*id).with_context(|| format!("{id} has no address"))?;
            let url = format!("http://{address}:2379");
            ensure!(endpoints.contains(&url), "{id} is not published: {endpoints:?}");
            self.etcd.members(&url).await.with_context(|| format!("{id} does not answer"))?;
        }
        ensure!(endpoints.len() == size, "the published endpoints are {endpoints:?}");
        Ok(())
    }

    /// Waits until the cluster is settled with this many members.
    pub async fn settles(&self, size: usize) -> Result<()> {
        self.settles_within(size, LIMIT).await
    }

    /// [`Cluster::settles`] with a limit of its own.
    pub async fn settles_within(&self, size: usize, limit: Duration) -> Result<()> {
        let what = format!("{} settles with {size} members", self.name);
        self.explained(in_the_end(&what, limit, || self.is_settled(size)).await).await
    }

    /// Waits until this instance has left the group and the cluster is settled again.
    pub async fn replaces(&self, instance: &str, size: usize) -> Result<()> {
        let what = format!("{instance} leaves the group");
        let left = in_the_end(&what, LIMIT, || async {
            ensure!(!self.ids().await?.iter().any(|id| id == instance), "{instance} is still in the group");
            Ok(())
        });
        self.explained(left.await).await?;
        self.settles(size).await
    }

    /// Sets the desired capacity. Returns at once.
    pub async fn scale(&self, desired: i32) -> Result<()> {
        let call = self.account.autoscaling.set_desired_capacity().auto_scaling_group_name(&self.name);
        call.desired_capacity(desired).send().await.context("setting the desired capacity")?;
        Ok(())
    }

    /// Starts an instance refresh that launches each replacement before it terminates an instance. Returns at
    /// once.
    pub async fn refresh(&self) -> Result<()> {
        let preferences =
            RefreshPreferences::builder().min_healthy_percentage(100).max_healthy_percentage(150);
        let call = self.account.autoscaling.start_instance_refresh().auto_scaling_group_name(&self.name);
        call.preferences(preferences.build()).send().await.context("starting an instance refresh")?;
        Ok(())
    }

    /// Terminates an instance in order: its lifecycle hook runs, and the group replaces it. Returns at once.
    pub async fn terminate(&self, instance: &str) -> Result<()> {
        let call = self.account.autoscaling.terminate_instance_in_auto_scaling_group().instance_id(instance);
        call.should_decrement_desired_capacity(false).send().await?;
        Ok(())
    }

    /// Terminates an instance through EC2: it is dead before its lifecycle hook runs.
    pub async fn kill(&self, instance: &str) -> Result<()> {
        self.account.ec2.terminate_instances().instance_ids(instance).send().await?;
        Ok(())
    }

    /// Passes a result on. Explains an error first: prints all that helps to understand it to standard error.
    pub async fn explained<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            self.explain(error).await;
        }
        result
    }

    async fn explain(&self, error: &anyhow::Error) {
        eprintln!("==== {}: {error:#}", self.name);
        if let Ok(ledger) = self.ledger().await {
            eprintln!("==== the ledger\n{}", serde_json::to_string_pretty(&ledger).unwrap_or_default());
        }
        if let Ok(state) = self.account.state().await {
            for entry in state["timeline"].as_array().into_iter().flatten() {
                eprintln!("{} {} {}: {}", entry["at"], entry["kind"], entry["who"], entry["text"]);
            }
        }
        if let Ok(log) = self.account.logs().await {
            let lines: Vec<_> = log.lines().collect();
            eprintln!(
                "==== the functions' last log lines\n{}",
                lines[lines.len().saturating_sub(400)..].join("\n")
            );
        }
        for node in self.nodes().await.unwrap_or_default() {
            let console = self.account.page(&format!("console/{}", node.id)).await.unwrap_or_default();
            let lines: Vec<_> = console.lines().collect();
            eprintln!(
                "==== the last console lines of {}\n{}",
                node.id,
                lines[lines.len().saturating_sub(40)..].join("\n")
            );
        }
    }
}
