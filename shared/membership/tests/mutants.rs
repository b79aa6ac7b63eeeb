//! Each guard is taken away in turn: at least one golden or script must then differ from what is expected. The table
//! in `docs/SAFETY.md` names one of them.
//!
//! `REWRITE=1 cargo test -p membership --test mutants` writes the generated columns of the table.
#![allow(missing_docs, clippy::panic)]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::golden::{self, Golden};
use common::render::render;
use common::scene::{NOW, Scene};
use common::script;
use membership::decide::decide_with;
use membership::guard::{Guard, Guards};

fn outcome(golden: &Golden, guards: Guards) -> String {
    match golden.directive.as_str() {
        "decide" => {
            let scene = Scene::parse(&golden.input);
            render(&decide_with(&scene.obs, NOW, scene.me.as_ref(), guards))
        }
        "script" => script::run(&golden.input, guards),
        other => panic!("{other:?} is no directive, in {}", golden.name()),
    }
}

fn all() -> Vec<Golden> {
    golden::all("goldens").into_iter().chain(golden::all("scripts")).collect()
}

/// For each guard, the goldens that miss it. A golden that misses few other guards comes first: it tells most.
fn killers(goldens: &[Golden]) -> BTreeMap<Guard, Vec<String>> {
    let kills = |guard: Guard| -> Vec<usize> {
        let differs = |i: &usize| outcome(&goldens[*i], Guards::without(guard)) != goldens[*i].expected;
        (0..goldens.len()).filter(differs).collect()
    };
    let by_guard: BTreeMap<Guard, Vec<usize>> = Guard::ALL.iter().map(|g| (*g, kills(*g))).collect();
    let mut missed = vec![0; goldens.len()];
    by_guard.values().flatten().for_each(|golden| missed[*golden] += 1);
    let named = |of: &Vec<usize>| {
        let mut of = of.clone();
        of.sort_by_key(|i| (missed[*i], *i));
        of.iter().map(|i| goldens[*i].name()).collect()
    };
    by_guard.iter().map(|(guard, of)| (*guard, named(of))).collect()
}

fn safety() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/SAFETY.md")
}

const BEGIN: &str = "<!-- guards: begin -->";
const END: &str = "<!-- guards: end -->";

/// The columns that are written by hand: what the guard keeps from happening, the invariants, the stories, and the
/// golden that was chosen among the goldens that miss the guard.
type Words = [String; 4];

fn words(table: &str) -> BTreeMap<String, Words> {
    let rows = table.lines().filter(|l| l.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [guard, _, prevents, invariants, stories, golden] = cells.as_slice() else {
            panic!("a row of six cells was expected: {row}");
        };
        (guard.trim_matches('`').to_owned(), [*prevents, *invariants, *stories, *golden].map(str::to_owned))
    })
    .collect()
}

fn table(words: &BTreeMap<String, Words>, killers: &BTreeMap<Guard, Vec<String>>) -> String {
    let mut rows = vec![
        "| guard | the condition | what it keeps from happening | for | story | the golden that misses it |"
            .to_owned(),
        "|---|---|---|---|---|---|".to_owned(),
    ];
    for guard in Guard::ALL {
        let [prevents, invariants, stories, chosen] =
            words.get(guard.name()).cloned().unwrap_or_else(|| ["?"; 4].map(str::to_owned));
        let golden = if killers[guard].contains(&chosen) { &chosen } else { &killers[guard][0] };
        let condition = guard.condition();
        rows.push(format!(
            "| `{}` | {condition} | {prevents} | {invariants} | {stories} | {golden} |",
            guard.name()
        ));
    }
    rows.join("\n")
}

fn check_words(guard: &str, [prevents, invariants, stories, _]: &Words) {
    assert!(prevents.len() > 5, "{guard}: the table does not say what it keeps from happening");
    let one_of = |text: &str, prefix: &str, last: u32| {
        let number = text.strip_prefix(prefix).and_then(|n| n.parse::<u32>().ok());
        assert!(
            number.is_some_and(|n| (1..=last).contains(&n)),
            "{guard}: {text:?} is not one of {prefix}1 to {prefix}{last}"
        );
    };
    invariants.split(", ").for_each(|i| one_of(i, "I", 12));
    stories.split(", ").filter(|s| *s != "–").for_each(|s| one_of(s, "", STORIES));
}

#[test]
fn every_mutant_is_killed_and_the_table_says_by_what() {
    let killers = killers(&all());
    let survivors: Vec<_> = killers.iter().filter(|(_, g)| g.is_empty()).map(|(g, _)| g.name()).collect();
    assert!(survivors.is_empty(), "no golden misses these guards: {survivors:?}");

    let document = std::fs::read_to_string(safety()).unwrap();
    let (before, rest) = document.split_once(BEGIN).expect("the table's begin");
    let (stands, after) = rest.split_once(END).expect("the table's end");
    let words = words(stands);
    let wanted = table(&words, &killers);
    println!("{wanted}");
    if std::env::var_os("REWRITE").is_some() {
        std::fs::write(safety(), format!("{before}{BEGIN}\n{wanted}\n{END}{after}")).unwrap();
    } else {
        assert_eq!(
            stands.trim(),
            wanted,
            "the table in docs/SAFETY.md is not up to date: run this test with REWRITE=1, and read the difference"
        );
    }
    for guard in Guard::ALL {
        check_words(guard.name(), words.get(guard.name()).expect("a row for every guard"));
    }
    assert_eq!(
        words.len(),
        Guard::ALL.len(),
        "the table in docs/SAFETY.md has a row for a guard that does not exist"
    );
}

#[test]
fn every_golden_has_a_title_of_its_own() {
    let mut names: Vec<_> = all().iter().map(Golden::name).collect();
    assert!(all().iter().all(|g| !g.title.is_empty()), "a golden has no title");
    names.sort();
    let twice: Vec<_> = names.windows(2).filter(|w| w[0] == w[1]).map(|w| &w[0]).collect();
    assert!(twice.is_empty(), "two goldens have the same name: {twice:?}");
}

/// How many stories `docs/STORIES.md` tells.
const STORIES: u32 = 22;

/// The stories of `docs/STORIES.md` as goldens name them: `## 5. The sleeper` is `Story 5, The sleeper`.
fn stories() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/STORIES.md");
    let page = std::fs::read_to_string(&page).unwrap_or_else(|e| panic!("{}: {e}", page.display()));
    let headings = page.lines().filter_map(|l| l.strip_prefix("## "));
    let numbered = headings.filter_map(|h| {
        let (number, title) = h.split_once(". ")?;
        Some(format!("Story {}, {title}", number.parse::<u32>().ok()?))
    });
    numbered.collect()
}

#[test]
fn every_story_is_told() {
    let (goldens, stories) = (all(), stories());
    for number in 1..=STORIES {
        let start = format!("Story {number}, ");
        let headings = stories.iter().filter(|s| s.starts_with(&start)).count();
        assert_eq!(headings, 1, "docs/STORIES.md has {headings} headings that begin with \"## {number}. \"");
    }
    for story in &stories {
        let told = goldens.iter().any(|g| g.title.starts_with(&format!("{story}: ")));
        assert!(told, "no golden has a title that begins with {story:?}");
    }
    for golden in goldens.iter().filter(|g| g.title.starts_with("Story ")) {
        let known = stories.iter().any(|s| golden.title.starts_with(&format!("{s}: ")));
        assert!(known, "docs/STORIES.md does not tell the story of {:?}", golden.name());
    }
}
