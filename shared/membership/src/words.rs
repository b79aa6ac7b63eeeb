//! What an error quotes of a text from outside: enough to recognise the text, and on one line.

use std::fmt::Display;

/// A longer quotation would drown what is said about it.
const QUOTED: usize = 80;
/// The explanation of a library may be a little longer.
const EXPLAINED: usize = 300;

/// The text in quotes, escaped as in a string literal.
pub fn quoted(text: &str) -> String {
    format!("{:?}", cut(text, QUOTED))
}

/// The words of a library, such as a parser. They may hold anything that it was given.
pub fn one_line(words: impl Display) -> String {
    let words = words.to_string();
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    cut(&words, EXPLAINED).chars().map(plain).collect()
}

fn cut(text: &str, most: usize) -> String {
    let mut rest = text.chars();
    let start: String = rest.by_ref().take(most).collect();
    if rest.next().is_some() { start + "…" } else { start }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_and_plain_stays_as_it_is() {
        assert_eq!(quoted("i-1\"\n"), r#""i-1\"\n""#);
        assert_eq!(quoted(&"x".repeat(QUOTED)), format!("\"{}\"", "x".repeat(QUOTED)));
        assert_eq!(one_line("unknown field `é`"), "unknown field `é`");
    }

    #[test]
    fn what_is_long_is_cut_and_lines_are_joined() {
        assert_eq!(quoted(&"é".repeat(QUOTED + 1)), format!("\"{}…\"", "é".repeat(QUOTED)));
        assert_eq!(one_line("unknown field `a\n\u{1b}[2Jb`"), "unknown field `a  [2Jb`");
        assert_eq!(one_line("x".repeat(EXPLAINED + 1)), "x".repeat(EXPLAINED) + "…");
    }
}
