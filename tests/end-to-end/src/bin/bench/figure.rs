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
    /// What it is made of: told where it was not reached.
    pub made_of: &'static str,
}

/// The table, in Markdown, and below it why what was not reached was not.
pub fn table(figures: &[Figure]) -> String {
    let mut out = String::from("| figure | measured | goal | reached |\n|---|---|---|---|\n");
    for f in figures {
        let reached = f.reached.map_or("–", |r| if r { "yes" } else { "not yet" });
        let _ = writeln!(out, "| {} | {} | {} | {reached} |", f.what, f.measured, f.goal);
    }
    let short: Vec<&Figure> = figures.iter().filter(|f| f.reached == Some(false)).collect();
    if !short.is_empty() {
        out.push_str("\nNot reached in this run, and what it is made of:\n\n");
    }
    for f in short {
        let _ = writeln!(out, "- {}: {}", f.what, f.made_of);
    }
    out
}
