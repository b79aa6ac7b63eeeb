//! One line of a scene: words, `key=value` pairs and flags.

use std::collections::BTreeMap;

/// A line in parts.
pub struct Line<'a> {
    /// The whole line.
    pub text: &'a str,
    /// The words before the options.
    pub words: Vec<&'a str>,
    /// `key=value`; a flag has the value `""`.
    pub options: BTreeMap<&'a str, &'a str>,
}

impl<'a> Line<'a> {
    /// `words` is the number of words before the options.
    pub fn parse(text: &'a str, words: usize) -> Self {
        let mut parts = text.split_whitespace();
        let words = parts.by_ref().take(words).collect();
        let options = parts.map(|p| p.split_once('=').unwrap_or((p, ""))).collect();
        Self { text, words, options }
    }

    pub fn has(&self, key: &str) -> bool {
        self.options.contains_key(key)
    }

    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.options.get(key).copied()
    }

    pub fn number(&self, key: &str) -> Option<u64> {
        self.get(key)
            .map(|v| v.parse().unwrap_or_else(|_| panic!("{key}={v} in {:?} is not a number", self.text)))
    }

    /// Every option must be among these, because a misspelt option would test nothing.
    pub fn allow(&self, known: &[&str]) {
        for key in self.options.keys() {
            assert!(
                known.contains(key),
                "{key:?} in {:?} is not known; the options of this line are {known:?}",
                self.text
            );
        }
    }
}
