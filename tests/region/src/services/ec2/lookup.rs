//! What the calls share: checked instance IDs, and pages of lists.

use serde_json::Value;

use crate::model::world::State;
use crate::wire::{ApiError, Params};

/// Checks that every ID is well formed and belongs to an instance.
///
/// # Errors
/// EC2's error for malformed or unknown IDs.
pub fn check_ids(state: &State, ids: &[String]) -> Result<(), ApiError> {
    let well_formed = |id: &&String| {
        id.strip_prefix("i-").is_some_and(|digits| {
            [8, 17].contains(&digits.len()) && digits.chars().all(|digit| digit.is_ascii_hexdigit())
        })
    };
    if let Some(malformed) = ids.iter().find(|id| !well_formed(id)) {
        return Err(ApiError::bad_request(
            "InvalidInstanceID.Malformed",
            format!("Invalid id: \"{malformed}\""),
        ));
    }
    let unknown: Vec<_> = ids.iter().filter(|id| !state.instances.contains_key(*id)).cloned().collect();
    let message = match unknown.as_slice() {
        [] => return Ok(()),
        [one] => format!("The instance ID '{one}' does not exist"),
        many => format!("The instance IDs '{}' do not exist", many.join(", ")),
    };
    Err(ApiError::bad_request("InvalidInstanceID.NotFound", message))
}

/// A page of a list: the items from the token on, and the token of the next page.
///
/// # Errors
/// EC2's error where the call's limit or its token is not valid.
pub fn page(found: Vec<Value>, params: &Params) -> Result<(Vec<Value>, Option<String>), ApiError> {
    let limit = params.number::<usize>("MaxResults")?;
    if limit.is_some_and(|limit| !(5..=1_000).contains(&limit)) {
        return Err(ApiError::bad_request(
            "InvalidParameterValue",
            format!(
                "Value ( {} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.",
                limit.unwrap_or_default()
            ),
        ));
    }
    let limit = limit.unwrap_or(1_000);
    let start = match params.text("NextToken").filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => token.parse().map_err(|_| {
            ApiError::bad_request("InvalidNextToken", "The token used for pagination is invalid.".to_owned())
        })?,
    };
    let next = (found.len() > start + limit).then(|| (start + limit).to_string());
    Ok((found.into_iter().skip(start).take(limit).collect(), next))
}
