//! Which etcd a group's instances run: an image for each version, and the launch template that names one.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::types::RequestLaunchTemplateData;

use crate::account::Account;
use crate::cluster::Cluster;
use crate::stage::checkout;

/// The image with this version of etcd on it.
pub fn image(version: &str) -> String {
    let digits: String = version.split('.').map(|part| format!("{part:0>5}")).collect();
    format!("ami-00{digits}")
}

/// The folder of an etcd of the matrix. `None`, said on standard error, where this machine could not provide it:
/// 3.4 comes from Debian.
///
/// # Errors
/// Where it is missing and could be built.
pub fn etcd_dir(version: &str) -> Result<Option<PathBuf>> {
    let dir = checkout().join(".tools/etcd").join(version);
    if dir.join("etcd").is_file() {
        return Ok(Some(dir));
    }
    let from_debian = checkout().join("tools/etcd").join(version).join("debian.sha256").is_file();
    ensure!(from_debian, "there is no etcd in {}: make etcd-all", dir.display());
    eprintln!("SKIPPED: etcd {version} is not here: make etcd-all takes it from Debian's packages");
    Ok(None)
}

/// The images of these versions, for [`region::Options::images`]; `None` where one of them cannot be had here.
///
/// # Errors
/// As [`etcd_dir`].
pub fn images(versions: &[&str]) -> Result<Option<BTreeMap<String, PathBuf>>> {
    let mut images = BTreeMap::new();
    for version in versions {
        let Some(dir) = etcd_dir(version)? else { return Ok(None) };
        images.insert(image(version), dir);
    }
    Ok(Some(images))
}

/// The launch template of a group, if there is none yet; with the region's own image where none is named.
///
/// # Errors
/// When EC2 refuses.
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
    /// From now on instances are launched with this version of etcd: a new version of the launch template.
    ///
    /// # Errors
    /// When EC2 refuses.
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
        let created = created.await.context("a new version of the launch template")?;
        let number = created.launch_template_version().and_then(|v| v.version_number());
        let number = number.context("the new version has no number")?;
        let default = self.account.ec2.modify_launch_template().launch_template_name(&self.name);
        default.default_version(number.to_string()).send().await.context("making it the default")?;
        Ok(())
    }

    /// The version that every voter says it runs, by instance.
    ///
    /// # Errors
    /// When one does not answer.
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

    /// Every voter runs this version.
    ///
    /// # Errors
    /// Where one does not, or does not answer.
    pub async fn runs(&self, version: &str) -> Result<()> {
        let versions = self.versions().await?;
        ensure!(versions.values().all(|v| v == version), "not all run {version}: {versions:?}");
        Ok(())
    }
}
