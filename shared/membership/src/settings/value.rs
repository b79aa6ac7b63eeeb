//! Values as people write them. Blanks around a value and the case of letters never matter. What is not clear is no
//! value: the caller refuses it and says what is allowed.

use std::time::Duration;

/// `true` or `false`, in the words that people use for them.
pub fn truth(text: &str) -> Option<bool> {
    match text.trim().to_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "y" | "t" => Some(true),
        "false" | "no" | "off" | "0" | "n" | "f" => Some(false),
        _ => None,
    }
}

/// A TCP port.
pub(super) fn port(text: &str) -> Option<u16> {
    number(text.trim())?.try_into().ok().filter(|p| *p > 0)
}

/// A path in SSM. No parameter's name begins with aws or ssm, in any case, and a name has fifteen levels at most (SSM
/// API reference, `PutParameter`). Three levels come below the prefix: the cluster, `instances` and the instance.
pub(super) fn prefix(text: &str) -> Option<String> {
    let text = text.trim();
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.-/".contains(&b);
    let shape = text.starts_with('/') && text.len() > 1 && !text.ends_with('/') && !text.contains("//");
    let begins = |word: &str| text.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(word));
    let taken = begins("/aws") || begins("/ssm") || text.matches('/').count() > 12;
    (shape && !taken && text.len() <= 500 && text.bytes().all(allowed)).then(|| text.to_owned())
}

/// A time: a number of seconds, or numbers with units, the larger unit first: `90`, `300 s`, `5m`, `5 min`, `1h 30m`,
/// `2 hours`, `1 day`.
pub fn duration(text: &str) -> Option<Duration> {
    let text = text.trim().to_lowercase();
    if let Some(seconds) = number(&text) {
        return Some(Duration::from_secs(seconds));
    }
    let (mut rest, mut total, mut last) = (text.as_str(), 0_u64, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let after = rest[digits..].trim_start();
        let word = after.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(after.len());
        let unit = unit(&after[..word]).filter(|unit| *unit < last)?;
        total = total.checked_add(number(&rest[..digits])?.checked_mul(unit)?)?;
        last = unit;
        rest = after[word..].trim_start();
    }
    (last < u64::MAX).then(|| Duration::from_secs(total))
}

/// The seconds of a unit.
fn unit(word: &str) -> Option<u64> {
    match word {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1),
        "m" | "min" | "mins" | "minute" | "minutes" => Some(60),
        "h" | "hr" | "hrs" | "hour" | "hours" => Some(3_600),
        "d" | "day" | "days" => Some(86_400),
        _ => None,
    }
}

/// Digits alone: no sign, no point.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// The largest unit in which the time is a whole number, as a value of a setting.
pub(super) fn shown(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds >= 3_600 && seconds.is_multiple_of(3_600) => format!("{}h", seconds / 3_600),
        seconds if seconds >= 60 && seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        seconds => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn true_and_false_are_understood_as_people_write_them() {
        for yes in ["true", "True", "TRUE", "yes", "Yes", "on", "ON", "1", "y", "t", " true ", "\tyes\n"] {
            assert_eq!(truth(yes), Some(true), "{yes:?}");
        }
        for no in ["false", "False", "FALSE", "no", "No", "off", "OFF", "0", "n", "f", " false"] {
            assert_eq!(truth(no), Some(false), "{no:?}");
        }
        for unclear in ["", " ", "maybe", "2", "true false", "tru", "yes!", "-1", "null", "until monday"] {
            assert_eq!(truth(unclear), None, "{unclear:?}");
        }
    }

    #[test]
    fn a_time_is_understood_as_people_write_it() {
        for (text, seconds) in [
            ("0", 0),
            ("90", 90),
            (" 90 ", 90),
            ("300s", 300),
            ("300 s", 300),
            ("300 sec", 300),
            ("5m", 300),
            ("5 min", 300),
            ("5 Minutes", 300),
            ("5M", 300),
            ("1h", 3_600),
            ("1 hour", 3_600),
            ("1h30m", 5_400),
            ("1 h 30 min", 5_400),
            ("2 days", 172_800),
        ] {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text:?}");
        }
        let unclear = [
            "",
            " ",
            "s",
            "min",
            "-1",
            "+1",
            "1.5h",
            "1,5 h",
            "5 m 5",
            "30m 1h",
            "1h1h",
            "5 ms",
            "5 months",
            "5:00",
            "PT5M",
            "five minutes",
            "99999999999999999999",
            "99999999999999999 h",
            "5 min or so",
            "５m",
        ];
        for text in unclear {
            assert_eq!(duration(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_time_is_shown_as_it_would_be_set() {
        for (seconds, text) in [(0, "0s"), (90, "90s"), (300, "5m"), (1_800, "30m"), (7_200, "2h")] {
            let time = Duration::from_secs(seconds);
            assert_eq!(shown(time), text);
            assert_eq!(duration(text), Some(time));
        }
    }
}
