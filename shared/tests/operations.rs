//! `docs/OPERATIONS.md` explains every code of the functions, and no other code.
//!
//! Each type with codes gives one sample for each of its codes. The sample's sentence, with `…` where something was
//! filled in, is the sentence of the code's row.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends here")]

#[path = "operations/errors.rs"]
mod errors;
#[path = "operations/fill.rs"]
mod fill;
#[path = "operations/notes.rs"]
mod notes;
#[path = "operations/page.rs"]
mod page;

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use etcd_asg::services::StartError;
use membership::decision::{Coded, Graded, Refusal, Severity, Verdict};

use fill::shown;
use page::{Page, repository, text};

const WAITS: &str = "Waits";
const REFUSALS: &str = "Refusals";
const EVENTS: &str = "Events and settings";
const ERRORS: &str = "Errors of the functions";

/// What was checked so far.
struct Checked {
    page: Page,
    codes: Vec<&'static str>,
    types: usize,
}

impl Checked {
    fn rows<T: Coded + fmt::Display>(&mut self, sections: &[&str], samples: Vec<T>) {
        let sampled: BTreeSet<&str> = samples.iter().map(Coded::code).collect();
        let all: BTreeSet<&str> = T::CODES.iter().copied().collect();
        assert_eq!(sampled, all, "a sample for each code of the type");
        for sample in &samples {
            let row = self.page.row(sample.code());
            assert!(sections.contains(&row.section.as_str()), "{} is under {:?}", sample.code(), row.section);
            assert_eq!(row.sentence, shown(&sample.to_string()), "the sentence of {}", sample.code());
        }
        self.codes.extend(T::CODES);
        self.types += 1;
    }
}

fn checked() -> Checked {
    let mut checked = Checked { page: Page::read(), codes: Vec::new(), types: 0 };
    checked.rows(&[WAITS], notes::waits());
    checked.rows(&[REFUSALS], notes::refusals());
    checked.rows(&[REFUSALS], notes::problems());
    checked.rows(&[EVENTS], errors::events());
    checked.rows(&[EVENTS], errors::ignored());
    checked.rows(&[EVENTS], errors::wrong_input());
    checked.rows(&[EVENTS], errors::config());
    checked.rows(&[EVENTS, ERRORS], errors::warnings());
    checked.rows(&[ERRORS], errors::controller());
    checked.rows(&[ERRORS], errors::execute());
    checked.rows(&[ERRORS], errors::aws());
    checked.rows(&[ERRORS], errors::autoscaling());
    checked.rows(&[ERRORS], errors::ec2());
    checked.rows(&[ERRORS], errors::parameters());
    checked.rows(&[ERRORS], errors::ledger());
    checked.rows(&[ERRORS], errors::reports());
    checked.rows(&[ERRORS], errors::etcd());
    checked.rows::<StartError>(&[], Vec::new());
    checked
}

#[test]
fn each_code_has_one_row_and_each_row_a_code() {
    let checked = checked();
    let unique: BTreeSet<&str> = checked.codes.iter().copied().collect();
    assert_eq!(unique.len(), checked.codes.len(), "two types share a code: {:?}", checked.codes);
    assert_eq!(checked.page.codes(), unique);
    let declared: usize =
        ["shared/src", "shared/membership/src"].iter().map(|d| declarations(&repository().join(d))).sum();
    assert_eq!(checked.types, declared, "a type with codes is missing in this test");
}

/// How many types below this folder have codes.
fn declarations(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries
        .map(|path| match path.is_dir() {
            true => declarations(&path),
            false => {
                std::fs::read_to_string(&path).unwrap().lines().filter(|l| l.starts_with("codes!(")).count()
            }
        })
        .sum()
}

/// The two lists of levels, against the one table in `membership::decision::Severity`.
#[test]
fn the_page_tells_each_level() {
    let page = text("docs/OPERATIONS.md");
    let waits = notes::waits().into_iter().map(Verdict::Waiting);
    let settings = notes::problems().into_iter().map(Refusal::Setting);
    let refusals = notes::refusals().into_iter().chain(settings).map(Verdict::Refused);
    let all: Vec<Verdict> = waits.chain(refusals).collect();
    for level in [Severity::Error, Severity::Warn] {
        let (start, told) = (format!("- {level}: "), page::list(&page, &format!("- {level}: ")));
        let is: BTreeSet<&str> = all.iter().filter(|v| v.severity() == level).map(Verdict::code).collect();
        assert_eq!(told, is, "the codes after {start:?}");
    }
}

#[test]
fn each_row_stands_alone() {
    for row in Page::read().rows() {
        for cell in &row.explained {
            let lower = cell.to_lowercase();
            let leans =
                ["the same", "as it says", "as they say", "as there", "as above", "see below", "see above"];
            assert!(
                !leans.iter().any(|words| lower == *words),
                "{}: {cell:?} leans on another row",
                row.code
            );
            assert!(!cell.is_empty(), "{} has an empty cell", row.code);
        }
    }
}

/// The metric filters match verdicts and codes, which stay the same from version to version.
#[test]
fn the_metric_filters_match_codes() {
    let template = text("template.yaml");
    // A long pattern stands in the lines below its key.
    let after = template.split("FilterPattern: ").skip(1);
    let patterns: Vec<&str> =
        after.map(|rest| rest.split("MetricTransformations").next().unwrap_or_default()).collect();
    assert!(patterns.len() >= 3, "{patterns:?}");
    let codes: BTreeSet<&str> = checked().codes.into_iter().collect();
    let refused = Verdict::Refused(notes::refusals().remove(0)).name();
    for pattern in patterns {
        for (field, value) in page::compared(pattern) {
            match field {
                "level" => assert_eq!(value, "ERROR"),
                "verdict" => assert_eq!(value, refused),
                "code" => assert!(codes.contains(value), "{pattern}: {value} is no code"),
                other => panic!("{pattern}: {other} is no field that stays the same"),
            }
        }
    }
}

/// Words that tell somebody to do away with an instance, a member or data.
const DESTROYS: [&str; 8] = [
    "terminate",
    "end the instance",
    "end it",
    "delete the ledger",
    "member remove",
    "remove that member",
    "wipe",
    "stop the etcds",
];
/// Words by which advice says how to be sure first, what is kept, or whose work it is.
const SURE: [&str; 14] = [
    "only if",
    "only once",
    "only after",
    "once ",
    "be sure",
    "make sure",
    "snapshot",
    "certain",
    "look ",
    "find out",
    "unless",
    "to keep the data",
    "if it was meant",
    "member list",
];

/// No sentence and no advice about a note leads straight to the loss of data. The test reads words: it finds advice
/// that says nothing else, and cannot judge what is said.
#[test]
fn advice_that_destroys_says_how_to_be_sure_first() {
    let page = Page::read();
    let rows = page.rows().filter(|row| [WAITS, REFUSALS].contains(&row.section.as_str()));
    let mut found = 0;
    for row in rows {
        let advice = row.explained.last().unwrap();
        for words in [row.sentence.as_str(), advice] {
            // The policy that keeps instances, and what AWS does by itself, are no advice.
            let lower =
                words.to_lowercase().replace("terminatehookabandon", "").replace("aws terminates", "");
            if DESTROYS.iter().any(|destroys| lower.contains(destroys)) {
                found += 1;
                assert!(
                    SURE.iter().any(|sure| lower.contains(sure)),
                    "{} gives advice that destroys, and does not say how to be sure: {words}",
                    row.code
                );
            }
        }
    }
    assert!(found > 5, "the words of such advice are no longer found: {found}");
}
