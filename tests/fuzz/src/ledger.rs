//! The ledger as it may be in the bucket.

use membership::ledger::{Ledger, LedgerError};

use crate::one_sentence;

/// A ledger that is read reads back as written, to the byte. Every other text is refused.
pub fn ledger(data: &[u8]) {
    match Ledger::from_json(data) {
        Ok(ledger) => {
            let written = ledger.to_json().expect("a ledger that was read can be written");
            let again = Ledger::from_json(&written).expect("a ledger that was written can be read");
            assert_eq!(again, ledger);
            assert_eq!(again.to_json().expect("a ledger can be written"), written);
        }
        Err(error @ (LedgerError::Malformed(_) | LedgerError::UnknownFormat(_))) => {
            one_sentence(&error.to_string());
        }
    }
}
