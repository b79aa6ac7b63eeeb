//! One line of a scene: words, `key=value` pairs and flags.

use std::collections::BTreeMap;

/// The words of a line that stand before its options, and its options.
pub struct Line<'a> {
    pub text: &'a str,
    pub words: Vec<&'a str>,
    pub options: BTreeMap<&'a str, &'a str>,
}

impl<'a> Line<'a> {
    /// `words` says how many leading words are no options.
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
            .map(|v| v.parse().unwrap_or_else(|_| panic!("{key}={v} in {:?} is no number", self.text)))
    }

    /// Every option must be one of these: a misspelt one would test nothing.
    pub fn allow(&self, known: &[&str]) {
        for key in self.options.keys() {
            assert!(known.contains(key), "{key:?} in {:?} is not known; known are {known:?}", self.text);
        }
    }
}
