//! JSON values as the XML of AWS's query protocols.

use quick_xml::escape::escape;
use serde_json::Value;

/// Writes `value` inside an element called `name`; lists become repeated elements called `item` (`member` in
/// Auto Scaling, `item` in EC2) and nulls are left out.
pub fn to_xml(name: &str, item: &str, value: &Value) -> String {
    let mut xml = String::new();
    element(&mut xml, name, item, value);
    xml
}

fn element(xml: &mut String, name: &str, item: &str, value: &Value) {
    if value.is_null() {
        return;
    }
    xml.push_str(&format!("<{name}>"));
    match value {
        Value::Null => {}
        Value::Bool(flag) => xml.push_str(&flag.to_string()),
        Value::Number(number) => xml.push_str(&number.to_string()),
        Value::String(text) => xml.push_str(&escape(text)),
        Value::Array(items) => items.iter().for_each(|value| element(xml, item, item, value)),
        Value::Object(fields) => fields.iter().for_each(|(name, value)| element(xml, name, item, value)),
    }
    xml.push_str(&format!("</{name}>"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_lists_and_leaves_nulls_out_and_escapes() {
        let value = serde_json::json!({"A": ["x", 1, true], "B": null, "C": {"D": "<&>"}});
        let expected = "<R><A><member>x</member><member>1</member><member>true</member></A><C><D>&lt;&amp;&gt;</D></C></R>";
        assert_eq!(to_xml("R", "member", &value), expected);
    }
}
