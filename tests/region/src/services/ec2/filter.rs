//! Filters of the Describe calls, with EC2's wildcards.

use crate::model::instance::Instance;
use crate::model::site::VPC;
use crate::wire::{ApiError, Params};

/// A filter: an instance passes when one of its values matches one of the patterns.
pub struct Filter {
    name: String,
    patterns: Vec<String>,
}

impl Filter {
    /// A filter of DescribeInstances.
    pub fn of(params: &Params) -> Result<Self, ApiError> {
        let name = params.required("Name")?;
        let known = [
            "instance-id",
            "instance-state-name",
            "instance-state-code",
            "private-ip-address",
            "vpc-id",
            "subnet-id",
            "availability-zone",
            "tag-key",
        ];
        if !known.contains(&name) && !name.starts_with("tag:") {
            return Err(Self::invalid(name));
        }
        Ok(Self { name: name.to_owned(), patterns: params.list("Value") })
    }

    /// A filter of DescribeTags.
    pub fn of_tags(params: &Params) -> Result<Self, ApiError> {
        let name = match params.required("Name")? {
            "resource-id" => "instance-id",
            "resource-type" => "resource-type",
            "key" => "tag-key",
            other => return Err(Self::invalid(other)),
        };
        Ok(Self { name: name.to_owned(), patterns: params.list("Value") })
    }

    /// The error for a filter that the call does not have.
    pub fn invalid(name: &str) -> ApiError {
        ApiError::bad_request("InvalidParameterValue", format!("The filter '{name}' is invalid"))
    }

    /// Whether the instance passes.
    pub fn admits(&self, instance: &Instance) -> bool {
        let values = self.values(instance);
        values.iter().any(|value| self.patterns.iter().any(|pattern| matches(pattern, value)))
    }

    fn values(&self, instance: &Instance) -> Vec<String> {
        if let Some(key) = self.name.strip_prefix("tag:") {
            return instance.tags.get(key).cloned().into_iter().collect();
        }
        match self.name.as_str() {
            "instance-id" => vec![instance.id.clone()],
            "instance-state-name" => vec![instance.state.to_string()],
            "instance-state-code" => vec![instance.state.code().to_string()],
            "private-ip-address" => vec![instance.address.to_string()],
            "vpc-id" => vec![VPC.to_owned()],
            "subnet-id" => vec![instance.zone.subnet.clone()],
            "availability-zone" => vec![instance.zone.name.clone()],
            "resource-type" => vec!["instance".to_owned()],
            _ => instance.tags.keys().cloned().collect(),
        }
    }
}

/// Whether `text` matches a pattern: `*` stands for any text, `?` for no character or one, and a backslash makes the
/// character after it a letter (EC2 user guide, "Find your Amazon EC2 resources", wildcards in filter values).
fn matches(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let rest = &pattern[first.len_utf8()..];
    let mut letters = text.chars();
    match first {
        '*' => matches(rest, text) || letters.next().is_some() && matches(pattern, letters.as_str()),
        '?' => matches(rest, text) || letters.next().is_some() && matches(rest, letters.as_str()),
        '\\' => {
            let mut escaped = rest.chars();
            let letter = escaped.next().unwrap_or(first);
            letters.next() == Some(letter) && matches(escaped.as_str(), letters.as_str())
        }
        _ => letters.next() == Some(first) && matches(rest, letters.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards_match_as_in_ec2() {
        assert!(matches("run*", "running") && matches("*", "") && matches("?b", "ab") && matches("a?", "a"));
        assert!(!matches("run", "running") && !matches("?", "ab") && !matches("a*c", "ab"));
    }

    #[test]
    fn a_backslash_makes_a_letter_of_a_wildcard() {
        assert!(matches("\\*a\\?\\\\", "*a?\\") && matches("etcd\\*", "etcd*"));
        assert!(!matches("etcd\\*", "etcd-blue") && !matches("a\\?", "ab"));
    }
}
