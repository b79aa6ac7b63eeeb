//! PutParameter, DeleteParameter, DeleteParameters.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Value, json};

use super::rules;
use super::store::{Store, Version};
use crate::model::site::Site;
use crate::wire::ApiError;

/// Two writes of one name within this time are concurrent, and the second may be refused.
const CONCURRENT: Duration = Duration::from_millis(100);
/// The probability that a hostile region refuses a concurrent write.
const REFUSED: f64 = 0.2;

/// The input of PutParameter, without the fields that the region ignores.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Put {
    name: String,
    value: String,
    r#type: Option<String>,
    #[serde(default)]
    overwrite: bool,
    tier: Option<String>,
    #[serde(default)]
    tags: Vec<Value>,
}

/// Creates or overwrites a parameter.
pub fn put(site: &Site, store: &mut Store, put: Put) -> Result<Value, ApiError> {
    rules::name(&put.name)?;
    if put.overwrite && !put.tags.is_empty() {
        return Err(rules::invalid(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please \
             remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
             RemoveTagsFromResource.",
        ));
    }
    let slot = store.slot(&put.name);
    let present = slot.and_then(|slot| slot.now.as_ref());
    let tier = put.tier.clone().or_else(|| present.map(|version| version.tier.clone()));
    let tier = tier.unwrap_or_else(|| "Standard".to_owned());
    rules::value(&put.value, &tier)?;
    let kind = kind(&put, present)?;

    if present.is_some() && !put.overwrite {
        return Err(already_exists());
    }
    if present.is_some_and(|version| version.kind != kind) {
        return Err(another_type());
    }
    if slot.is_some_and(|slot| slot.deleted_within(site.options.ssm_reuse_delay)) {
        // The guide only says to wait. A put that does not wait is taken to meet the deletion still under
        // way.
        return Err(if put.overwrite { too_many_updates() } else { already_exists() });
    }
    let concurrent = slot.is_some_and(|slot| slot.changed.elapsed() < CONCURRENT);
    if site.options.hostile && concurrent && site.chance(REFUSED) {
        return Err(too_many_updates());
    }
    let number = present.map_or(1, |version| version.number + 1);
    let version = Version { kind, value: put.value, number, modified: SystemTime::now(), tier: tier.clone() };
    store.set(&put.name, Some(version));
    site.timeline.note("ssm", &put.name, format!("version {number} written"));
    Ok(json!({"Version": number, "Tier": tier}))
}

/// Deletes one parameter.
pub fn delete(site: &Site, store: &mut Store, name: &str) -> Result<Value, ApiError> {
    if remove(site, store, name) {
        Ok(json!({}))
    } else {
        Err(ApiError::bad_request("ParameterNotFound", ""))
    }
}

/// Deletes the parameters that exist, and names those that do not.
pub fn delete_all(site: &Site, store: &mut Store, names: &[String]) -> Value {
    let (deleted, invalid): (Vec<_>, Vec<_>) = names.iter().partition(|name| remove(site, store, name));
    json!({"DeletedParameters": deleted, "InvalidParameters": invalid})
}

fn remove(site: &Site, store: &mut Store, name: &str) -> bool {
    let exists = store.slot(name).is_some_and(|slot| slot.now.is_some());
    if exists {
        store.set(name, None);
        site.timeline.note("ssm", name, "deleted");
    }
    exists
}

fn kind(put: &Put, present: Option<&Version>) -> Result<String, ApiError> {
    let Some(kind) = put.r#type.clone().or_else(|| present.map(|version| version.kind.clone())) else {
        return Err(rules::invalid("A parameter type is required when you create a parameter."));
    };
    if !["String", "StringList", "SecureString"].contains(&kind.as_str()) {
        return Err(rules::invalid(format!(
            "1 validation error detected: Value '{kind}' at 'type' failed to satisfy constraint: Member must satisfy \
             enum value set: [SecureString, StringList, String]"
        )));
    }
    Ok(kind)
}

fn already_exists() -> ApiError {
    ApiError::bad_request(
        "ParameterAlreadyExists",
        "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
    )
}

/// Systems Manager API, PutParameter, errors.
fn another_type() -> ApiError {
    ApiError::bad_request(
        "HierarchyTypeMismatchException",
        "Parameter Store does not support changing a parameter type in a hierarchy. For example, you can't change a \
         parameter from a String type to a SecureString type. You must create a new, unique parameter.",
    )
}

fn too_many_updates() -> ApiError {
    ApiError::bad_request(
        "TooManyUpdates",
        "There are concurrent updates for a resource that supports one update at a time.",
    )
}
