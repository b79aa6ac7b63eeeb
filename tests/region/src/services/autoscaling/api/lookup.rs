//! What the calls share: groups by name, and pages of lists.

use crate::model::group::Group;
use crate::model::world::State;
use crate::wire::{ApiError, Params};

/// The group of this name.
pub fn group<'a>(state: &'a mut State, name: &str) -> Result<&'a mut Group, ApiError> {
    state.groups.get_mut(name).ok_or_else(|| {
        ApiError::validation(format!("AutoScalingGroup name not found - AutoScalingGroup '{name}' not found"))
    })
}

/// The error for an instance that is in no group.
pub fn no_instance(instance: &str) -> ApiError {
    ApiError::validation(format!(
        "Instance Id not found - No managed instance found for instance ID: {instance}"
    ))
}

/// A page of a list: the items from the token on, and the token of the next page.
pub fn page<T>(
    items: Vec<T>,
    params: &Params,
    default: usize,
    most: usize,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let limit = params.number::<usize>("MaxRecords")?.unwrap_or(default);
    if !(1..=most).contains(&limit) {
        return Err(ApiError::validation(format!(
            "1 validation error detected: Value '{limit}' at 'maxRecords' failed to satisfy constraint: Member must \
             have value between 1 and {most}"
        )));
    }
    let start = match params.text("NextToken") {
        None => 0,
        Some(token) => token.parse().map_err(|_| {
            ApiError::bad_request("InvalidNextToken", format!("The NextToken value is not valid: {token}"))
        })?,
    };
    let next = (items.len() > start + limit).then(|| (start + limit).to_string());
    Ok((items.into_iter().skip(start).take(limit).collect(), next))
}
