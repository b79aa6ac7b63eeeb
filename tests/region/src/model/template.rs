//! Launch templates and their versions: what an instance is launched from.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::options::DEFAULT_IMAGE;
use super::time::timestamp_seconds;
use crate::wire::ApiError;

/// All launch templates, by ID.
pub type Templates = BTreeMap<String, Template>;

/// A launch template with every version that it has had. Versions are numbered from 1 and never change.
pub struct Template {
    pub id: String,
    pub name: String,
    pub created: SystemTime,
    /// The number of the version that is used where a call names no version.
    pub default: u64,
    /// The versions in order; the first is version 1.
    pub versions: Vec<Version>,
}

/// One version of a launch template.
pub struct Version {
    pub description: Option<String>,
    pub created: SystemTime,
    /// The parameters by their names in the request.
    pub data: Value,
}

/// The image and the launch template that an instance is launched from.
pub struct Launched {
    pub image: String,
    /// ID, name and version number, as Auto Scaling shows them for an instance.
    pub template: Option<Value>,
}

impl Template {
    /// The number of the version that a call names by a number, `$Latest` or `$Default`.
    ///
    /// # Errors
    /// EC2's error where there is no such version.
    pub fn number(&self, version: &str) -> Result<u64, ApiError> {
        match version {
            "$Latest" => Ok(self.versions.len() as u64),
            "$Default" => Ok(self.default),
            _ => version.parse().ok().filter(|number| self.version(*number).is_some()).ok_or_else(|| {
                ApiError::bad_request(
                    "InvalidLaunchTemplateId.VersionNotFound",
                    format!(
                        "Could not find the specified version {version} for the launch template with ID {}.",
                        self.id
                    ),
                )
            }),
        }
    }

    /// A version by its number.
    pub fn version(&self, number: u64) -> Option<&Version> {
        self.versions.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    /// The template as EC2 shows it.
    pub fn show(&self) -> Value {
        json!({
            "launchTemplateId": self.id,
            "launchTemplateName": self.name,
            "createTime": timestamp_seconds(self.created),
            "defaultVersionNumber": self.default,
            "latestVersionNumber": self.versions.len(),
        })
    }

    /// A version as EC2 shows it.
    pub fn show_version(&self, number: u64) -> Option<Value> {
        let version = self.version(number)?;
        Some(json!({
            "launchTemplateId": self.id,
            "launchTemplateName": self.name,
            "versionNumber": number,
            "versionDescription": version.description,
            "createTime": timestamp_seconds(version.created),
            "defaultVersion": number == self.default,
            "launchTemplateData": answered(&version.data),
        }))
    }
}

/// The template with this ID, or with this name.
///
/// # Errors
/// EC2's error where there is no such template.
pub fn named<'a>(
    templates: &'a Templates,
    id: Option<&str>,
    name: Option<&str>,
) -> Result<&'a Template, ApiError> {
    if let Some(id) = id {
        let missing = || {
            let text = format!("The specified launch template, with template ID {id}, does not exist.");
            ApiError::bad_request("InvalidLaunchTemplateId.NotFound", text)
        };
        return templates.get(id).ok_or_else(missing);
    }
    let name = name.unwrap_or_default();
    templates.values().find(|template| template.name == name).ok_or_else(|| {
        let text = format!("The specified launch template, with template name {name}, does not exist.");
        ApiError::bad_request("InvalidLaunchTemplateName.NotFoundException", text)
    })
}

/// A group's launch template with both its ID and its name. A template that nobody created is left unchanged:
/// it stands for the region's own image, so that a group can be made without creating a template.
///
/// # Errors
/// Auto Scaling's error where the template has no such version.
pub fn completed(templates: &Templates, wanted: &Value) -> Result<Value, ApiError> {
    let Some(template) = meant(templates, wanted) else { return Ok(wanted.clone()) };
    let version = version_of(wanted);
    template.number(version).map_err(|error| {
        let text = format!("You must use a valid fully-formed launch template. {}", error.message);
        ApiError::validation(text)
    })?;
    Ok(json!({
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "Version": version,
    }))
}

/// What an instance that is launched now gets from its group's launch template.
///
/// # Errors
/// EC2's error where the template no longer has the version.
pub fn launched(templates: &Templates, wanted: Option<&Value>) -> Result<Launched, ApiError> {
    let own = || DEFAULT_IMAGE.to_owned();
    let Some(template) = wanted.and_then(|wanted| meant(templates, wanted)) else {
        return Ok(Launched { image: own(), template: wanted.cloned() });
    };
    let number = template.number(wanted.map_or("$Default", version_of))?;
    let image = template.version(number).and_then(|version| version.data["ImageId"].as_str());
    let shown = json!({
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "Version": number.to_string(),
    });
    Ok(Launched { image: image.map_or_else(own, str::to_owned), template: Some(shown) })
}

fn meant<'a>(templates: &'a Templates, wanted: &Value) -> Option<&'a Template> {
    named(templates, wanted["LaunchTemplateId"].as_str(), wanted["LaunchTemplateName"].as_str()).ok()
}

fn version_of(wanted: &Value) -> &str {
    wanted["Version"].as_str().unwrap_or("$Default")
}

/// A request's parameters with the names that answers use: `SecurityGroupId.1` becomes part of a
/// `securityGroupIdSet`.
fn answered(data: &Value) -> Value {
    let Value::Object(fields) = data else { return data.clone() };
    let fields = fields.iter().map(|(name, value)| {
        let mut letters = name.chars();
        let first = letters.next().map(|first| first.to_ascii_lowercase());
        let ending = if value.is_array() { "Set" } else { "" };
        let name: String = first.into_iter().chain(letters).chain(ending.chars()).collect();
        let value = match value {
            Value::Array(items) => items.iter().map(answered).collect(),
            other => answered(other),
        };
        (name, value)
    });
    Value::Object(fields.collect())
}
