//! The record of the group's owner, round after round of one invocation.
//!
//! A read may be answered with a state from before the last write (`parameters.rs`). What was read once is not unread
//! by such an answer: otherwise an invocation would take its own group for nobody's in every second look. A record that
//! is newer, whosever it is, counts at once.

use membership::owner::OwnerRecord;

use super::parameters::BELIEVED;

/// The newest record that this invocation has read.
#[derive(Debug, Default)]
pub struct NewestRecord {
    newest: Option<OwnerRecord>,
    /// How many reads in a row showed an older record, or none.
    missed: u32,
}

impl NewestRecord {
    /// Takes in what was just read, and tells what stands as far as this invocation has read.
    pub fn after(&mut self, read: Option<OwnerRecord>) -> Option<OwnerRecord> {
        let written = |record: &Option<OwnerRecord>| record.as_ref().map(|r| r.written);
        self.missed = if written(&read) >= written(&self.newest) { 0 } else { self.missed + 1 };
        if self.missed == 0 || self.missed >= BELIEVED {
            (self.newest, self.missed) = (read, 0);
        }
        self.newest.clone()
    }
}

#[cfg(test)]
mod tests {
    use membership::ids::Timestamp;
    use membership::owner::Owner;

    use super::*;

    /// When the record that is told after each of these reads was written; 0 is a read without a record.
    fn told(reads: &[u64]) -> Vec<u64> {
        let mut newest = NewestRecord::default();
        let of = |written: u64| {
            let owner = Owner {
                deployment: "d".to_owned(),
                bucket: "b".to_owned(),
                ledger_prefix: "l".to_owned(),
                parameter_prefix: "/p".to_owned(),
                vpc: String::new(),
                cluster: "c".into(),
                without_ledger: false,
            };
            (written > 0).then_some(OwnerRecord { owner, written: Timestamp(written) })
        };
        reads.iter().map(|read| newest.after(of(*read)).map_or(0, |r| r.written.0)).collect()
    }

    #[test]
    fn a_record_that_was_read_is_not_unread_by_an_older_answer() {
        assert_eq!(told(&[0, 5, 0, 0, 5, 0, 3, 5]), [0, 5, 5, 5, 5, 5, 5, 5]);
    }

    #[test]
    fn a_newer_record_counts_at_once_and_a_deletion_after_three_reads() {
        assert_eq!(told(&[5, 7, 5, 5, 7]), [5, 7, 7, 7, 7]);
        assert_eq!(told(&[5, 0, 0, 0, 0, 9]), [5, 5, 5, 0, 0, 9]);
    }
}
