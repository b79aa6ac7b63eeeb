//! The parameters, round after round of one invocation. A read may be answered with a state from before the last write
//! (Systems Manager API reference, PutParameter and GetParametersByPath promise no read after write). What was seen
//! once is not unseen by such an answer: otherwise each look decides something else than the one before.

use std::collections::BTreeMap;

use crate::adapters::parameters::Versioned;

/// So many reads in a row without a parameter, or with an older version of it, show that it was deleted or made anew.
pub const BELIEVED: u32 = 3;

/// The newest version of each parameter that this invocation has seen.
#[derive(Debug, Default)]
pub struct Freshest {
    known: BTreeMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    newest: Versioned,
    /// How many reads in a row showed less.
    missed: u32,
}

impl Freshest {
    /// Takes in what was just read, and tells what stands as far as this invocation has seen.
    pub fn after(&mut self, mut read: BTreeMap<String, Versioned>) -> BTreeMap<String, String> {
        self.known.retain(|name, known| {
            match read.remove(name) {
                Some(now) if now.version >= known.newest.version => *known = Known { newest: now, missed: 0 },
                Some(older) if known.missed + 1 >= BELIEVED => *known = Known { newest: older, missed: 0 },
                _ => known.missed += 1,
            }
            known.missed < BELIEVED
        });
        let new = read.into_iter().map(|(name, newest)| (name, Known { newest, missed: 0 }));
        self.known.extend(new);
        self.known.iter().map(|(name, known)| (name.clone(), known.newest.value.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told after each of these reads of one parameter; 0 is a read without it.
    fn told(reads: &[i64]) -> Vec<i64> {
        let mut freshest = Freshest::default();
        let of = |version: &i64| {
            let one = Versioned { version: *version, value: version.to_string() };
            (*version > 0).then(|| ("p".to_owned(), one)).into_iter().collect::<BTreeMap<_, _>>()
        };
        let value = |all: BTreeMap<String, String>| all.get("p").map_or(0, |v| v.parse().unwrap_or(-1));
        reads.iter().map(|read| value(freshest.after(of(read)))).collect()
    }

    #[test]
    fn an_older_answer_does_not_undo_a_newer_one() {
        assert_eq!(told(&[0, 1, 0, 1, 2, 1, 0, 2, 3]), [0, 1, 1, 1, 2, 2, 2, 2, 3]);
    }

    #[test]
    fn a_parameter_that_was_deleted_is_gone_after_three_reads() {
        assert_eq!(told(&[4, 0, 0, 0, 0]), [4, 4, 4, 0, 0]);
        assert_eq!(told(&[4, 0, 0, 4, 0, 0, 0]), [4, 4, 4, 4, 4, 4, 0]);
    }

    #[test]
    fn a_parameter_that_was_made_anew_counts_from_one_again() {
        assert_eq!(told(&[4, 0, 0, 0, 1, 2]), [4, 4, 4, 0, 1, 2]);
        assert_eq!(told(&[4, 1, 1, 1, 2]), [4, 4, 4, 1, 2]);
    }
}
