//! Every guard taken away in turn: at least one golden or script must come out differently, and the table of
//! `docs/SAFETY.md` says which.
//!
//! `REWRITE=1 cargo test -p membership --test mutants` writes the generated columns of the table anew.
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
        other => panic!("no directive: {other}"),
    }
}

fn all() -> Vec<Golden> {
    golden::all("goldens").into_iter().chain(golden::all("scripts")).collect()
}

/// For each guard, the goldens that miss it, the most telling first: the one that misses the fewest others.
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

/// What a person wrote of a guard: what it keeps from happening, the invariants, the stories; and the golden that
/// was chosen among those that miss it.
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
    assert!(prevents.len() > 5, "{guard}: what does it keep from happening?");
    let one_of = |text: &str, prefix: &str, last: u32| {
        let number = text.strip_prefix(prefix).and_then(|n| n.parse::<u32>().ok());
        assert!(
            number.is_some_and(|n| (1..=last).contains(&n)),
            "{guard}: {text:?} is none of {prefix}1 to {last}"
        );
    };
    invariants.split(", ").for_each(|i| one_of(i, "I", 12));
    stories.split(", ").filter(|s| *s != "–").for_each(|s| one_of(s, "", 22));
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
            "docs/SAFETY.md is not up to date: run with REWRITE=1, and read it"
        );
    }
    for guard in Guard::ALL {
        check_words(guard.name(), words.get(guard.name()).expect("a row for every guard"));
    }
    assert_eq!(words.len(), Guard::ALL.len(), "the table has a row that is no guard's");
}

#[test]
fn every_golden_has_a_title_of_its_own() {
    let mut names: Vec<_> = all().iter().map(Golden::name).collect();
    assert!(all().iter().all(|g| !g.title.is_empty()), "a golden has no title");
    names.sort();
    let twice: Vec<_> = names.windows(2).filter(|w| w[0] == w[1]).map(|w| &w[0]).collect();
    assert!(twice.is_empty(), "two goldens of one name: {twice:?}");
}

#[test]
fn every_story_is_told() {
    let goldens = all();
    for (number, title) in STORIES.iter().enumerate() {
        let name = format!("Story {}, {title}:", number + 1);
        assert!(goldens.iter().any(|g| g.title.starts_with(&name)), "no golden tells {name}");
    }
}

/// The stories of the design's section 6a, by number.
const STORIES: [&str; 22] = [
    "The half-formed pair",
    "The race to a verdict",
    "Born twice",
    "The late publisher",
    "The sleeper",
    "Frozen since the probe",
    "The letter in the frozen leader's socket",
    "The replacement removed",
    "Healing the messenger",
    "After you",
    "In and out",
    "The undead launch",
    "Waiting in the doorway",
    "Nobody's claim",
    "Seven silent seconds",
    "The way back",
    "The twin journal",
    "The abandoned who waits",
    "The silent new voter",
    "The letter handed on",
    "The slow image",
    "The idle upgrade",
];
