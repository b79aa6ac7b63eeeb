//! The rules for the names and values of parameters.

use crate::wire::ApiError;

/// Levels of a hierarchy, at most (Systems Manager user guide, "Parameter names").
const LEVELS: usize = 15;
/// Characters of a fully qualified name, at most (Systems Manager API, PutParameter).
const NAME_LENGTH: usize = 1_011;

/// The service's validation error.
pub fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::bad_request("ValidationException", message)
}

/// Checks a name for a new parameter.
pub fn name(name: &str) -> Result<(), ApiError> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_.-/".contains(letter);
    if name.is_empty() || name.len() > NAME_LENGTH || !name.chars().all(allowed) {
        return Err(invalid(
            "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can \
             consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, \
             numbers and the following 3 symbols .-_",
        ));
    }
    if name.contains('/') && !name.starts_with('/') {
        return Err(invalid("Parameter name must be a fully qualified name."));
    }
    let first = name.trim_start_matches('/').to_ascii_lowercase();
    if first.starts_with("aws") || first.starts_with("ssm") {
        return Err(ApiError::bad_request(
            "AccessDeniedException",
            "No access to reserved parameter name: aws.",
        ));
    }
    if name.matches('/').count() > LEVELS {
        let message = format!("Parameter name must be at most {LEVELS} levels deep.");
        return Err(ApiError::bad_request("HierarchyLevelLimitExceededException", message));
    }
    Ok(())
}

/// Checks a value for a tier.
pub fn value(value: &str, tier: &str) -> Result<(), ApiError> {
    if value.is_empty() {
        return Err(invalid(
            "1 validation error detected: Value at 'value' failed to satisfy constraint: Member must have length \
             greater than or equal to 1",
        ));
    }
    if value.contains("{{") {
        return Err(invalid(
            "Parameter value, can't nest another parameter. Do not use \"{{}}\" in the value. ",
        ));
    }
    match (tier, value.len()) {
        ("Advanced", 8_193..) => {
            Err(invalid("Advanced tier parameters support a maximum parameter value of 8192 characters."))
        }
        ("Advanced", _) | (_, ..=4_096) => Ok(()),
        _ => Err(invalid(
            "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger \
             parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see \
             https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html",
        )),
    }
}
