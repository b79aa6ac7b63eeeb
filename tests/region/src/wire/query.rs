//! The parameters of AWS's query protocol: flat names such as `Tags.member.1.Key` in a form body.

use std::collections::BTreeMap;

use super::answer::ApiError;

/// The parameters of a call, or those below one prefix.
#[derive(Clone, Debug, Default)]
pub struct Params {
    values: BTreeMap<String, String>,
}

impl Params {
    /// Reads a form body.
    pub fn parse(body: &[u8]) -> Self {
        Self { values: url::form_urlencoded::parse(body).into_owned().collect() }
    }

    /// The text of a parameter; `None` where it is absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The text of a required parameter.
    ///
    /// # Errors
    /// AWS's validation error for a missing value.
    pub fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name).filter(|text| !text.is_empty()).ok_or_else(|| {
            let member = lower_first(name);
            ApiError::validation(format!(
                "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
            ))
        })
    }

    /// The whole number of a parameter; `None` where it is absent.
    ///
    /// # Errors
    /// `MalformedInput` where the text is not a number.
    pub fn number<N: std::str::FromStr>(&self, name: &str) -> Result<Option<N>, ApiError> {
        self.text(name)
            .map(|text| {
                text.parse().map_err(|_| {
                    ApiError::bad_request("MalformedInput", format!("{name} is not a valid number: {text}"))
                })
            })
            .transpose()
    }

    /// The `true` or `false` of a parameter; `None` where it is absent.
    ///
    /// # Errors
    /// `MalformedInput` where the text is neither.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.text(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(ApiError::bad_request(
                "MalformedInput",
                format!("{name} must be true or false, not {other}"),
            )),
        }
    }

    /// The texts of a list, in order: `Name.1` and `Name.member.1` alike.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.elements(name).into_iter().filter_map(|element| element.values.get("").cloned()).collect()
    }

    /// The structures of a list, in order, each with its own fields.
    pub fn elements(&self, name: &str) -> Vec<Self> {
        let fields = self.below(name);
        let mut elements = BTreeMap::<u32, Self>::new();
        for (path, value) in fields.values {
            let path = path.strip_prefix("member.").unwrap_or(&path);
            let (index, field) = path.split_once('.').unwrap_or((path, ""));
            if let Ok(index) = index.parse() {
                elements.entry(index).or_default().values.insert(field.to_owned(), value);
            }
        }
        elements.into_values().collect()
    }

    /// The fields of a structure.
    pub fn below(&self, name: &str) -> Self {
        let prefix = format!("{name}.");
        let values = self
            .values
            .iter()
            .filter_map(|(path, value)| Some((path.strip_prefix(&prefix)?.to_owned(), value.clone())))
            .collect();
        Self { values }
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The fields as a nested JSON object, numbered lists as arrays: for settings that are only stored and
    /// shown again.
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = serde_json::Map::new();
        let names: std::collections::BTreeSet<_> =
            self.values.keys().map(|path| path.split('.').next().unwrap_or(path)).collect();
        for name in names {
            let value = match (self.values.get(name), self.elements(name)) {
                (Some(text), _) => text.clone().into(),
                (None, elements) if elements.is_empty() => self.below(name).to_json(),
                (None, elements) => elements.iter().map(Self::to_json).collect(),
            };
            object.insert(name.to_owned(), value);
        }
        match object.remove("") {
            Some(text) => text,
            None => object.into(),
        }
    }
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lists_in_numeric_order() {
        let params = Params::parse(b"Id.10=j&Id.2=b&Names.member.1=x");
        assert_eq!(params.list("Id"), ["b", "j"]);
        assert_eq!(params.list("Names"), ["x"]);
    }

    #[test]
    fn reads_structures_in_lists() {
        let params = Params::parse(b"Filter.1.Name=tag%3Aa&Filter.1.Value.1=x&Filter.1.Value.2=y");
        let filters = params.elements("Filter");
        assert_eq!(filters.len(), 1);
        assert_eq!(filters[0].text("Name"), Some("tag:a"));
        assert_eq!(filters[0].list("Value"), ["x", "y"]);
    }

    #[test]
    fn nests_for_showing_again() {
        let params = Params::parse(b"P.A=1&P.L.member.1=x&P.L.member.2=y&P.S.T=z");
        let expected = serde_json::json!({"A": "1", "L": ["x", "y"], "S": {"T": "z"}});
        assert_eq!(params.below("P").to_json(), expected);
    }

    #[test]
    fn says_what_is_missing_as_aws_does() {
        let error = Params::default().required("AutoScalingGroupName").expect_err("it is missing");
        assert!(error.message.contains("Value null at 'autoScalingGroupName'"), "{}", error.message);
    }
}
