//! Puts the page's parts, and a snapshot's data, into one document.

use serde_json::Value;

const INDEX: &str = include_str!("index.html");
const STYLE: &str = concat!(
    include_str!("style/base.css"),
    include_str!("style/parts.css"),
    include_str!("style/timeline.css"),
    include_str!("style/bars.css")
);
/// One module: later files use what earlier files define.
const SCRIPT: &str = concat!(
    include_str!("script/dom.js"),
    include_str!("script/words.js"),
    include_str!("script/records.js"),
    include_str!("script/lanes.js"),
    include_str!("script/marks.js"),
    include_str!("script/draw.js"),
    include_str!("script/timeline.js"),
    include_str!("script/account.js"),
    include_str!("script/groups.js"),
    include_str!("script/ledger.js"),
    include_str!("script/rest.js"),
    include_str!("script/main.js")
);

/// The live page, which polls its region.
pub fn live() -> String {
    document("")
}

/// The page with its data inside, which polls nothing.
pub fn snapshot(view: &Value) -> String {
    document(&inert(view))
}

fn document(data: &str) -> String {
    // Whatever else gets into the page, the browser runs and applies only elements with this page's own
    // nonce.
    let nonce = uuid::Uuid::new_v4().simple().to_string();
    let page = INDEX.replace("{nonce}", &nonce).replace("{style}", STYLE).replace("{script}", SCRIPT);
    // The data is inserted last, so that nothing in it is taken for a placeholder.
    page.replacen("{data}", data, 1)
}

/// JSON that neither ends nor opens an HTML element. These signs occur only in JSON's strings, where they may
/// be escaped.
fn inert(view: &Value) -> String {
    view.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_snapshot_holds_ends_no_element_and_reads_back_the_same() {
        let view = json!({"<!--": "</script><script>alert(1)</script>", "place": "{script}{nonce}{data}", "&lt;": 1});
        let text = inert(&view);
        assert!(!text.contains(['<', '>', '&']), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).expect("JSON"), view);
        let page = snapshot(&view);
        assert_eq!(page.matches("{script}{nonce}{data}").count(), 1);
        assert_eq!(page.matches("<script").count(), live().matches("<script").count());
    }

    #[test]
    fn no_page_has_the_nonce_of_another_and_no_place_is_left() {
        assert_ne!(live(), live());
        for place in ["{nonce}", "{style}", "{script}", "{data}"] {
            assert!(!live().contains(place), "{place}");
        }
    }
}
