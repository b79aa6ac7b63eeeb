//! Reads a systemd service unit. A directive that the region neither carries out nor may ignore is refused by
//! name.

use std::path::PathBuf;
use std::time::Duration;

use super::directives::knowingly_ignored;
use super::status::{Restart, StatusSet};

/// The settings of a unit.
#[derive(Clone, Debug)]
pub struct Unit {
    /// `ExecStartPre=`, in order.
    pub start_pre: Vec<Exec>,
    /// `ExecStart=`.
    pub start: Exec,
    /// `ExecStartPost=`, in order.
    pub start_post: Vec<Exec>,
    /// `ExecStopPost=`, in order.
    pub stop_post: Vec<Exec>,
    /// `Restart=`.
    pub restart: Restart,
    /// `RestartSec=`.
    pub restart_delay: Duration,
    /// `RestartPreventExitStatus=`.
    pub prevent: StatusSet,
    /// `RestartForceExitStatus=`.
    pub force: StatusSet,
    /// `SuccessExitStatus=`.
    pub success: StatusSet,
    /// `TimeoutStartSec=`; `None` is `infinity`.
    pub start_limit: Option<Duration>,
    /// `TimeoutStopSec=`; `None` is `infinity`.
    pub stop_limit: Option<Duration>,
    /// `KillMode=mixed`: SIGTERM goes to the main process only.
    pub term_main_only: bool,
    /// `Environment=`.
    pub environment: Vec<(String, String)>,
    /// `EnvironmentFile=`, and whether it may be missing.
    pub environment_files: Vec<(PathBuf, bool)>,
    /// `RuntimeDirectory=` as absolute paths; made before each start, removed after each end.
    pub runtime_directories: Vec<PathBuf>,
    /// `StateDirectory=` and `ConfigurationDirectory=` as absolute paths; made before each start.
    pub lasting_directories: Vec<PathBuf>,
    /// `StartLimitIntervalSec=`; zero is no limit.
    pub burst_interval: Duration,
    /// `StartLimitBurst=`.
    pub burst: usize,
}

/// One command line of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    /// With the prefix `-` a failure counts as success.
    pub failure_ignored: bool,
    /// The words, without quotes and with variables not yet replaced.
    pub words: Vec<String>,
}

/// Why a unit cannot be run here.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Refusal {
    /// A line that is neither a section, a comment nor an assignment.
    #[error("line {line} is neither a section, a comment nor an assignment: {text}")]
    Syntax {
        /// The line's number, from 1.
        line: usize,
        /// The line's text.
        text: String,
    },
    /// A directive that the region neither carries out nor may ignore.
    #[error("the local region does not know [{section}] {name}=: teach it to the region, or leave it out")]
    Unknown {
        /// The section's name.
        section: String,
        /// The directive's name.
        name: String,
    },
    /// A value that the region does not understand.
    #[error("{name}={value}: {why}")]
    Value {
        /// The directive's name.
        name: String,
        /// The directive's value.
        value: String,
        /// What is wrong.
        why: String,
    },
    /// No `ExecStart=`.
    #[error("the unit has no ExecStart=")]
    NothingToStart,
}

impl Unit {
    /// Reads a unit file's text.
    ///
    /// # Errors
    /// A [`Refusal`] that names the line or the directive.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let mut unit = Self::empty();
        let mut started = Vec::new();
        for (section, name, value) in assignments(text)? {
            if knowingly_ignored(&section, &name) {
                continue;
            }
            let wrong = |why: String| Refusal::Value { name: name.clone(), value: value.clone(), why };
            match (section.as_str(), name.as_str()) {
                ("Service", "ExecStart") => push_exec(&mut started, &value).map_err(wrong)?,
                ("Service", _) => {
                    unit.set(&name, &value).map_err(|problem| problem.of(&section, &name, &value))?
                }
                ("Unit", "StartLimitIntervalSec") => {
                    unit.burst_interval = span(&value).map_err(wrong)?.unwrap_or_default()
                }
                ("Unit", "StartLimitBurst") => {
                    unit.burst = value.parse().map_err(|_| wrong("not a number".to_owned()))?
                }
                _ => return Err(Refusal::Unknown { section, name }),
            }
        }
        match <[Exec; 1]>::try_from(started) {
            Ok([start]) => Ok(Self { start, ..unit }),
            Err(several) if several.is_empty() => Err(Refusal::NothingToStart),
            Err(_) => Err(Refusal::Value {
                name: "ExecStart".to_owned(),
                value: String::new(),
                why: "given more than once".to_owned(),
            }),
        }
    }

    /// systemd's own defaults (systemd.service(5), systemd.unit(5), systemd-system.conf(5)).
    fn empty() -> Self {
        Self {
            start_pre: Vec::new(),
            start: Exec { failure_ignored: false, words: Vec::new() },
            start_post: Vec::new(),
            stop_post: Vec::new(),
            restart: Restart::No,
            restart_delay: Duration::from_millis(100),
            prevent: StatusSet::default(),
            force: StatusSet::default(),
            success: StatusSet::default(),
            start_limit: Some(Duration::from_secs(90)),
            stop_limit: Some(Duration::from_secs(90)),
            term_main_only: false,
            environment: Vec::new(),
            environment_files: Vec::new(),
            runtime_directories: Vec::new(),
            lasting_directories: Vec::new(),
            burst_interval: Duration::from_secs(10),
            burst: 5,
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Problem> {
        match name {
            "Type" => match value {
                "simple" | "exec" => {}
                _ => return Err("the region runs only simple and exec".into()),
            },
            "ExecStartPre" => push_exec(&mut self.start_pre, value)?,
            "ExecStartPost" => push_exec(&mut self.start_post, value)?,
            "ExecStopPost" => push_exec(&mut self.stop_post, value)?,
            "Restart" => self.restart = value.parse()?,
            "RestartSec" => self.restart_delay = span(value)?.unwrap_or(Duration::MAX),
            "RestartPreventExitStatus" => self.prevent.extend(value)?,
            "RestartForceExitStatus" => self.force.extend(value)?,
            "SuccessExitStatus" => self.success.extend(value)?,
            "TimeoutStartSec" => self.start_limit = limit(value)?,
            "TimeoutStopSec" => self.stop_limit = limit(value)?,
            "TimeoutSec" => (self.start_limit, self.stop_limit) = (limit(value)?, limit(value)?),
            "KillMode" => match value {
                "control-group" => self.term_main_only = false,
                "mixed" => self.term_main_only = true,
                _ => return Err("the region knows only control-group and mixed".into()),
            },
            "Environment" => {
                for word in words(value)? {
                    let (name, value) = word.split_once('=').ok_or("a word is not NAME=value")?;
                    self.environment.push((name.to_owned(), value.to_owned()));
                }
            }
            "EnvironmentFile" => {
                let optional = value.starts_with('-');
                self.environment_files.push((PathBuf::from(value.trim_start_matches('-')), optional));
            }
            "RuntimeDirectory" => self.runtime_directories.extend(under("/run", value)),
            "StateDirectory" => self.lasting_directories.extend(under("/var/lib", value)),
            "ConfigurationDirectory" => self.lasting_directories.extend(under("/etc", value)),
            _ => return Err(Problem::Unknown),
        }
        Ok(())
    }
}

enum Problem {
    Unknown,
    Value(String),
}

impl Problem {
    fn of(self, section: &str, name: &str, value: &str) -> Refusal {
        match self {
            Self::Unknown => Refusal::Unknown { section: section.to_owned(), name: name.to_owned() },
            Self::Value(why) => Refusal::Value { name: name.to_owned(), value: value.to_owned(), why },
        }
    }
}

impl From<String> for Problem {
    fn from(why: String) -> Self {
        Self::Value(why)
    }
}

impl From<&str> for Problem {
    fn from(why: &str) -> Self {
        Self::Value(why.to_owned())
    }
}

fn under<'a>(parent: &'a str, names: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
    names.split_whitespace().map(move |name| PathBuf::from(parent).join(name))
}

fn assignments(text: &str) -> Result<Vec<(String, String, String)>, Refusal> {
    let mut section = String::new();
    let mut found = Vec::new();
    let mut continued = String::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with(['#', ';']) || (line.is_empty() && continued.is_empty()) {
            continue;
        }
        if let Some(part) = line.strip_suffix('\\') {
            continued.push_str(part);
            continued.push(' ');
            continue;
        }
        let whole = std::mem::take(&mut continued) + line;
        if let Some(name) = whole.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((name, value)) = whole.split_once('=') {
            found.push((section.clone(), name.trim().to_owned(), value.trim().to_owned()));
        } else {
            return Err(Refusal::Syntax { line: number + 1, text: whole });
        }
    }
    Ok(found)
}

/// An empty value empties the list, as in systemd.
fn push_exec(list: &mut Vec<Exec>, value: &str) -> Result<(), String> {
    if value.is_empty() {
        list.clear();
        return Ok(());
    }
    let failure_ignored = value.starts_with('-');
    let line = value.trim_start_matches('-');
    if line.starts_with(['@', ':', '+', '!', '|']) {
        return Err("the region knows only the prefix `-`".to_owned());
    }
    let words = words(line)?;
    if words.iter().any(|word| word.replace("%%", "").contains('%')) {
        return Err("the region does not replace specifiers (%)".to_owned());
    }
    let words: Vec<String> = words.into_iter().map(|word| word.replace("%%", "%")).collect();
    if !words.first().is_some_and(|program| program.starts_with('/')) {
        return Err("the program must be an absolute path".to_owned());
    }
    list.push(Exec { failure_ignored, words });
    Ok(())
}

fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in line.chars() {
        match (character, quote) {
            (c, Some(q)) if c == q => quote = None,
            (c, Some(_)) => word.get_or_insert_default().push(c),
            ('"' | '\'', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            ('\\', None) => return Err("the region does not read escapes with a backslash".to_owned()),
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, None) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("a quote is not closed".to_owned());
    }
    words.extend(word);
    Ok(words)
}

/// A time limit; `None` for `infinity` and for zero (systemd.service(5), `TimeoutStartSec=`).
fn limit(value: &str) -> Result<Option<Duration>, String> {
    Ok(span(value)?.filter(|limit| !limit.is_zero()))
}

/// A time span such as `1min 30s`, `100ms` or `5` (seconds); `None` for `infinity` (systemd.time(7)).
fn span(value: &str) -> Result<Option<Duration>, String> {
    if value == "infinity" {
        return Ok(None);
    }
    let mut total = Duration::ZERO;
    for part in value.split_whitespace() {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let (number, scale) = part.split_at(digits);
        let number: u64 = number.parse().map_err(|_| format!("`{part}` is not a time span"))?;
        total += match scale {
            "ms" | "msec" => Duration::from_millis(number),
            "" | "s" | "sec" | "second" | "seconds" => Duration::from_secs(number),
            "m" | "min" | "minute" | "minutes" => Duration::from_secs(number * 60),
            "h" | "hr" | "hour" | "hours" => Duration::from_secs(number * 3_600),
            "d" | "day" | "days" => Duration::from_secs(number * 86_400),
            _ => return Err(format!("`{part}` has a unit of time that the region does not know")),
        };
    }
    Ok(Some(total))
}
