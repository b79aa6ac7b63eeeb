//! What a long run came to, for a person.

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

    /// Told at once: a long run is watched.
    pub fn fails(&mut self, broken: &str, repeat: &str, story: &str) {
        println!("{story}\nBROKEN {broken}; to repeat it: {repeat}\n");
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
            "\n(the longest time without a quorum, and until all was mended after what went wrong was over)"
        )?;
        writeln!(f, "violations: {}", self.failures.len())?;
        self.failures.iter().try_for_each(|failure| writeln!(f, "  {failure}"))
    }
}
