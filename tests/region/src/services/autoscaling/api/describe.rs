//! Describing groups, instances and activities.

use serde_json::{Value, json};

use super::super::show;
use super::lookup::page;
use crate::model::group::Group;
use crate::model::world::World;
use crate::wire::{ApiError, Params};

/// A filter of DescribeAutoScalingGroups.
struct Filter {
    on: On,
    values: Vec<String>,
}

enum On {
    TagKey,
    TagValue,
    Tag(String),
}

/// DescribeAutoScalingGroups.
pub fn groups(world: &World, params: &Params) -> Result<Value, ApiError> {
    let names = params.list("AutoScalingGroupNames");
    let filters = params.elements("Filters").iter().map(Filter::of).collect::<Result<Vec<_>, _>>()?;
    let found: Vec<_> = world.look(|state| {
        let named = state.groups.values().filter(|group| names.is_empty() || names.contains(&group.name));
        named.filter(|group| filters.iter().all(|filter| filter.admits(group))).map(show::group).collect()
    });
    let (shown, next) = page(found, params, 50, 100)?;
    Ok(json!({"AutoScalingGroups": shown, "NextToken": next}))
}

/// DescribeAutoScalingInstances.
pub fn instances(world: &World, params: &Params) -> Result<Value, ApiError> {
    let ids = params.list("InstanceIds");
    let found: Vec<_> = world.look(|state| {
        let members =
            state.groups.values().flat_map(|group| group.members.values().map(move |one| (group, one)));
        members
            .filter(|(_, one)| ids.is_empty() || ids.contains(&one.instance))
            .map(|(group, one)| show::instance(group, one))
            .collect()
    });
    let (shown, next) = page(found, params, 50, 50)?;
    Ok(json!({"AutoScalingInstances": shown, "NextToken": next}))
}

/// DescribeScalingActivities, newest first.
pub fn activities(world: &World, params: &Params) -> Result<Value, ApiError> {
    let (group, ids) = (params.text("AutoScalingGroupName"), params.list("ActivityIds"));
    let found: Vec<_> = world.look(|state| {
        let of_group = state.activities.iter().filter(|one| group.is_none_or(|group| one.group == group));
        of_group.filter(|one| ids.is_empty() || ids.contains(&one.id)).map(|one| one.show()).collect()
    });
    let (shown, next) = page(found, params, 100, 100)?;
    Ok(json!({"Activities": shown, "NextToken": next}))
}

impl Filter {
    fn of(params: &Params) -> Result<Self, ApiError> {
        let on = match params.required("Name")? {
            "tag-key" => On::TagKey,
            "tag-value" => On::TagValue,
            other => match other.strip_prefix("tag:") {
                Some(key) => On::Tag(key.to_owned()),
                None => return Err(ApiError::validation(format!("Filter type {other} is not correct."))),
            },
        };
        Ok(Self { on, values: params.list("Values") })
    }

    fn admits(&self, group: &Group) -> bool {
        group.tags.iter().any(|(key, tag)| match &self.on {
            On::TagKey => self.values.contains(key),
            On::TagValue => self.values.contains(&tag.value),
            On::Tag(wanted) => key == wanted && self.values.contains(&tag.value),
        })
    }
}
