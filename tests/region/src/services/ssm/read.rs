//! GetParameter, GetParameters, GetParametersByPath, DescribeParameters.

use serde::Deserialize;
use serde_json::{Value, json};

use super::rules;
use super::store::Store;
use crate::model::site::Site;
use crate::wire::ApiError;

/// Parameters a page, and names a call, at most (Systems Manager API).
const PAGE: usize = 10;
/// The probability that a hostile listing answers an empty page first.
const EMPTY_PAGE: f64 = 0.15;
/// Marks the token of an empty page, so that the next page is not empty again.
const AFTER_EMPTY: &str = "again:";

/// The input of GetParameter.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct One {
    name: String,
    #[serde(default)]
    with_decryption: bool,
}

/// The input of GetParameters.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Several {
    names: Vec<String>,
    #[serde(default)]
    with_decryption: bool,
}

/// The input of GetParametersByPath.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ByPath {
    path: String,
    #[serde(default)]
    recursive: bool,
    #[serde(default)]
    with_decryption: bool,
    max_results: Option<usize>,
    next_token: Option<String>,
}

/// The input of DescribeParameters, without its filters.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Describe {
    max_results: Option<usize>,
    next_token: Option<String>,
}

/// One parameter by name.
pub fn one(site: &Site, store: &Store, input: &One) -> Result<Value, ApiError> {
    match store.read(site, &input.name) {
        Some(version) => Ok(json!({"Parameter": version.show(&input.name, input.with_decryption)})),
        None => Err(ApiError::bad_request("ParameterNotFound", "")),
    }
}

/// Up to ten parameters by name.
pub fn several(site: &Site, store: &Store, input: &Several) -> Result<Value, ApiError> {
    if input.names.is_empty() || input.names.len() > PAGE {
        return Err(rules::invalid(format!(
            "1 validation error detected: Value '[{}]' at 'names' failed to satisfy constraint: Member must have \
             length less than or equal to 10",
            input.names.join(", ")
        )));
    }
    let seen = input.names.iter().map(|name| (name, store.read(site, name)));
    let (found, missing): (Vec<_>, Vec<_>) = seen.partition(|(_, version)| version.is_some());
    let found: Vec<_> = found
        .into_iter()
        .filter_map(|(name, version)| Some(version?.show(name, input.with_decryption)))
        .collect();
    let missing: Vec<_> = missing.into_iter().map(|(name, _)| name).collect();
    Ok(json!({"Parameters": found, "InvalidParameters": missing}))
}

/// A page of the parameters below a path.
pub fn by_path(site: &Site, store: &Store, input: &ByPath) -> Result<Value, ApiError> {
    if !input.path.starts_with('/') {
        return Err(rules::invalid(
            "The parameter doesn't meet the parameter name requirements. The parameter name must begin with a \
             forward slash \"/\".",
        ));
    }
    let limit = page(input.max_results)?;
    let token = input.next_token.as_deref().unwrap_or_default();
    if site.options.hostile && !token.starts_with(AFTER_EMPTY) && site.chance(EMPTY_PAGE) {
        return Ok(json!({"Parameters": [], "NextToken": format!("{AFTER_EMPTY}{token}")}));
    }
    let after = token.trim_start_matches(AFTER_EMPTY);
    let mut found = Vec::new();
    for name in store.names_below(&input.path, input.recursive).filter(|name| name.as_str() > after) {
        if let Some(version) = store.read(site, name) {
            found.push((name, version));
        }
    }
    let next = found.get(limit).and(found.get(limit - 1)).map(|(name, _)| name.as_str());
    let shown: Vec<_> =
        found.iter().take(limit).map(|(name, version)| version.show(name, input.with_decryption)).collect();
    Ok(paged("Parameters", shown, next))
}

/// A page of all parameters, without their values.
pub fn describe(store: &Store, input: &Describe) -> Result<Value, ApiError> {
    let limit = input.max_results.unwrap_or(PAGE).clamp(1, 50);
    let after = input.next_token.as_deref().unwrap_or_default();
    let found: Vec<_> = store.existing().filter(|(name, _)| name.as_str() > after).collect();
    let next = found.get(limit).and(found.get(limit - 1)).map(|(name, _)| name.as_str());
    let shown = found.iter().take(limit).map(|(name, version)| {
        json!({
            "Name": name,
            "Type": version.kind,
            "LastModifiedDate": version.modified_seconds(),
            "Version": version.number,
            "Tier": version.tier,
            "DataType": "text",
            "Policies": [],
        })
    });
    Ok(paged("Parameters", shown.collect(), next))
}

fn page(wanted: Option<usize>) -> Result<usize, ApiError> {
    match wanted {
        None => Ok(PAGE),
        Some(limit @ 1..=PAGE) => Ok(limit),
        Some(other) => Err(rules::invalid(format!(
            "1 validation error detected: Value '{other}' at 'maxResults' failed to satisfy constraint: Member must \
             have value less than or equal to 10"
        ))),
    }
}

fn paged(name: &str, items: Vec<Value>, next: Option<&str>) -> Value {
    let mut answer = json!({});
    answer[name] = items.into();
    if let Some(next) = next {
        answer["NextToken"] = next.into();
    }
    answer
}
