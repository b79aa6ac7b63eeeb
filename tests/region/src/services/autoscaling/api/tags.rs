//! Tags of groups.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::show;
use super::lookup::{group, page};
use super::settings;
use crate::model::group::Tag;
use crate::model::world::World;
use crate::wire::{ApiError, Params};

/// CreateOrUpdateTags: each tag names its group.
pub fn create(world: &World, params: &Params) -> Result<Value, ApiError> {
    let tags = by_group(params)?;
    settings::tags(params)?;
    world.change(|state| {
        for (name, ..) in &tags {
            group(state, name)?;
        }
        for (name, key, tag) in tags {
            group(state, &name)?.tags.insert(key, tag);
        }
        Ok(json!({}))
    })
}

/// DeleteTags.
pub fn delete(world: &World, params: &Params) -> Result<Value, ApiError> {
    let tags = by_group(params)?;
    world.change(|state| {
        for (name, key, _) in tags {
            group(state, &name)?.tags.remove(&key);
        }
        Ok(json!({}))
    })
}

fn by_group(params: &Params) -> Result<Vec<(String, String, Tag)>, ApiError> {
    params
        .elements("Tags")
        .iter()
        .map(|tag| {
            let value = tag.text("Value").unwrap_or_default().to_owned();
            let propagate = tag.flag("PropagateAtLaunch")?.unwrap_or(false);
            Ok((
                tag.required("ResourceId")?.to_owned(),
                tag.required("Key")?.to_owned(),
                Tag { value, propagate },
            ))
        })
        .collect()
}

/// DescribeTags, with its filters `auto-scaling-group`, `key`, `value`, `propagate-at-launch`.
pub fn describe(world: &World, params: &Params) -> Result<Value, ApiError> {
    let filters: Vec<_> = params.elements("Filters");
    let mut wanted = BTreeMap::new();
    for filter in &filters {
        let field = match filter.required("Name")? {
            "auto-scaling-group" => "ResourceId",
            "key" => "Key",
            "value" => "Value",
            "propagate-at-launch" => "PropagateAtLaunch",
            other => return Err(ApiError::validation(format!("Filter type {other} is not correct."))),
        };
        wanted.insert(field, filter.list("Values"));
    }
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let tags: Vec<_> = world.look(|state| {
        let all = state.groups.values().flat_map(show::tags);
        all.filter(|tag| wanted.iter().all(|(field, values)| values.contains(&text(&tag[*field])))).collect()
    });
    let (tags, next) = page(tags, params, 50, 100)?;
    Ok(json!({"Tags": tags, "NextToken": next}))
}
