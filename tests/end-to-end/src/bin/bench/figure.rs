//! One figure, and the table of them.

use std::fmt::Write as _;

/// What was measured, beside what is to be reached.
pub struct Figure {
    /// What.
    pub what: &'static str,
    /// The measure, with its ratio.
    pub measured: String,
    /// What to reach.
    pub goal: &'static str,
    /// Whether it was reached, where there is something to reach.
    pub reached: Option<bool>,
}

/// The table, in Markdown.
pub fn table(figures: &[Figure]) -> String {
    let mut out = String::from("| figure | measured | goal | reached |\n|---|---|---|---|\n");
    for f in figures {
        let reached = f.reached.map_or("–", |r| if r { "yes" } else { "not yet" });
        let _ = writeln!(out, "| {} | {} | {} | {reached} |", f.what, f.measured, f.goal);
    }
    out
}
