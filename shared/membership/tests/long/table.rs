//! The results of a long run, as a table for a person.

use std::fmt;

use crate::world::tally::Tally;
use crate::world::years::YEAR;

#[derive(Default)]
pub struct Table {
    rows: Vec<(String, Tally)>,
    pub failures: Vec<String>,
}

impl Table {
    pub fn row(&mut self, name: String, tally: Tally) {
        self.rows.push((name, tally));
    }

    /// Prints the failure at once, because somebody may watch a long run.
    pub fn fails(&mut self, broken: &str, repeat: &str, story: &str) {
        println!("{story}\nBROKEN {broken}; to repeat this: {repeat}\n");
        self.failures.push(format!("{broken}: {repeat}"));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["years", "misfortunes", "launches", "changes", "invocations", "no quorum", "mended in"];
        write!(f, "\n{:<28}", "")?;
        heads.iter().try_for_each(|head| write!(f, "{head:>13}"))?;
        for (name, t) in &self.rows {
            let years = t.lived as f64 / YEAR as f64;
            write!(f, "\n{name:<28}{years:>13.2}{:>13}{:>13}", t.misfortunes, t.launches)?;
            let (silence, mending) = (t.longest_silence / 1_000, t.longest_mending / 60_000);
            write!(f, "{:>13}{:>13}{silence:>11} s{mending:>9} min", t.applied, t.invocations)?;
        }
        writeln!(
            f,
            "\n(no quorum: the longest time without one; mended in: the longest time to settle after a trouble)"
        )?;
        writeln!(f, "violations: {}", self.failures.len())?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "  {failure}"))
    }
}
