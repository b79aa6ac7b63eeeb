//! The etcd version of a group's instances: an image for each version, and the launch template that names the
//! image.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::types::RequestLaunchTemplateData;

use crate::account::Account;
use crate::cluster::Cluster;
use crate::stage::checkout;

/// The ID of the image that has this version of etcd.
pub fn image(version: &str) -> String {
    let digits: String = version.split('.').map(|part| format!("{part:0>5}")).collect();
    format!("ami-00{digits}")
}

/// The folder that has this version of etcd. Version 3.4 comes from Debian's packages, which not every
/// machine can get: if it is missing, this says so on standard error and returns `None`.
///
/// # Errors
/// If another version is missing: it can be built.
pub fn etcd_dir(version: &str) -> Result<Option<PathBuf>> {
    let dir = checkout().join(".tools/etcd").join(version);
    if dir.join("etcd").is_file() {
        return Ok(Some(dir));
    }
    let from_debian = checkout().join("tools/etcd").join(version).join("debian.sha256").is_file();
    ensure!(from_debian, "there is no etcd in {}: run make etcd-all", dir.display());
    eprintln!("SKIPPED: etcd {version} is missing: make etcd-all takes it from Debian's packages");
    Ok(None)
}

/// The images of these versions, for [`region::Options::images`]; `None` if this machine cannot provide one
/// of them.
///
/// # Errors
/// As of [`etcd_dir`].
pub fn images(versions: &[&str]) -> Result<Option<BTreeMap<String, PathBuf>>> {
    let mut images = BTreeMap::new();
    for version in versions {
        let Some(dir) = etcd_dir(version)? else { return Ok(None) };
        images.insert(image(version), dir);
    }
    Ok(Some(images))
}

/// Creates the launch template of a group, unless it exists. Without an image, instances get the region's
/// own.
///
/// # Errors
/// If EC2 refuses.
pub async fn launch_template(account: &Account, group: &str, image: Option<String>) -> Result<()> {
    let data = RequestLaunchTemplateData::builder().set_image_id(image).instance_type("t4g.small".into());
    let created = account.ec2.create_launch_template().launch_template_name(group);
    match created.launch_template_data(data.build()).send().await {
        Ok(_) => Ok(()),
        Err(e) if e.code() == Some("InvalidLaunchTemplateName.AlreadyExistsException") => Ok(()),
        Err(e) => Err(e).context("creating the launch template"),
    }
}

impl Cluster {
    /// Makes the group launch instances with this version of etcd, by a new version of its launch template.
    ///
    /// # Errors
    /// If EC2 refuses.
    pub async fn launches_with(&self, version: &str) -> Result<()> {
        let data = RequestLaunchTemplateData::builder().image_id(image(version)).build();
        let created = self
            .account
            .ec2
            .create_launch_template_version()
            .launch_template_name(&self.name)
            .source_version("$Latest")
            .version_description(format!("etcd {version}"))
            .launch_template_data(data)
            .send();
        let created = created.await.context("creating a version of the launch template")?;
        let number = created.launch_template_version().and_then(|v| v.version_number());
        let number = number.context("the new version of the launch template has no number")?;
        let default = self.account.ec2.modify_launch_template().launch_template_name(&self.name);
        default.default_version(number.to_string()).send().await.context("making it the default version")?;
        Ok(())
    }

    /// The etcd version that each voter says it runs, by instance ID.
    ///
    /// # Errors
    /// If a voter does not answer.
    pub async fn versions(&self) -> Result<BTreeMap<String, String>> {
        let addresses = self.addresses().await?;
        let mut versions = BTreeMap::new();
        for member in self.members().await?.into_iter().filter(|m| !m.learner) {
            let address = addresses.get(&member.name);
            let address = address.with_context(|| format!("{} has no address", member.name))?;
            let status = self.etcd().status(&format!("http://{address}:2379")).await?;
            versions.insert(member.name, status.version);
        }
        Ok(versions)
    }

    /// Succeeds if every voter runs this version.
    ///
    /// # Errors
    /// If a voter runs another version, or does not answer.
    pub async fn runs(&self, version: &str) -> Result<()> {
        let versions = self.versions().await?;
        ensure!(versions.values().all(|v| v == version), "not all voters run {version}: {versions:?}");
        Ok(())
    }
}
