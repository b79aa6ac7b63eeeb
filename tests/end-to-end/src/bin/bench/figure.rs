//! A measured figure beside its goal, and the table of all figures.

use std::fmt::Write as _;

/// A measured figure beside its goal.
pub struct Figure {
    /// What was measured: the row's name.
    pub what: &'static str,
    /// The result with its unit, and its ratio to what it is compared with.
    pub measured: String,
    /// The goal, in words.
    pub goal: &'static str,
    /// Whether the goal was reached; `None` where nothing could be measured.
    pub reached: Option<bool>,
    /// Where the time, the calls or the bytes go. Printed below the table if the goal was not reached.
    pub made_of: &'static str,
}

/// The table in Markdown, and below it an explanation of each figure that missed its goal.
pub fn table(figures: &[Figure]) -> String {
    let mut out = String::from("| figure | measured | goal | reached |\n|---|---|---|---|\n");
    for f in figures {
        let reached = f.reached.map_or("–", |r| if r { "yes" } else { "not yet" });
        let _ = writeln!(out, "| {} | {} | {} | {reached} |", f.what, f.measured, f.goal);
    }
    let missed: Vec<&Figure> = figures.iter().filter(|f| f.reached == Some(false)).collect();
    if !missed.is_empty() {
        out.push_str(
            "\nGoals that this run did not reach, and where the time, the calls or the bytes go:\n\n",
        );
    }
    for f in missed {
        let _ = writeln!(out, "- {}: {}", f.what, f.made_of);
    }
    out
}
