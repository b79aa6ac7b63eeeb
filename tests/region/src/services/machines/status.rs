//! How a process ended, and what systemd makes of it.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::str::FromStr;

use nix::sys::signal::Signal;

/// The end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this exit code.
    Code(i32),
    /// A signal of this number killed it.
    Signal(i32),
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        status.code().map_or_else(|| Self::Signal(status.signal().unwrap_or_default()), Self::Code)
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with status {code}"),
            Self::Signal(number) => match Signal::try_from(*number) {
                Ok(signal) => write!(f, "was killed by {signal}"),
                Err(_) => write!(f, "was killed by signal {number}"),
            },
        }
    }
}

/// How one run of a service ended (`$SERVICE_RESULT` of systemd.exec(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// With a clean end.
    Success,
    /// With an exit status that is not a success.
    ExitCode,
    /// By a signal that is not a clean end.
    Signal,
    /// After a time limit ran out.
    Timeout,
}

impl Verdict {
    /// What an exit means for a service; `success` is its `SuccessExitStatus=`. SIGHUP, SIGINT, SIGTERM and
    /// SIGPIPE are clean ends of a main process.
    pub fn of(exit: Exit, success: &StatusSet) -> Self {
        const CLEAN: [i32; 4] =
            [Signal::SIGHUP as i32, Signal::SIGINT as i32, Signal::SIGTERM as i32, Signal::SIGPIPE as i32];
        match exit {
            _ if success.contains(exit) => Self::Success,
            Exit::Code(0) => Self::Success,
            Exit::Code(_) => Self::ExitCode,
            Exit::Signal(signal) if CLEAN.contains(&signal) => Self::Success,
            Exit::Signal(_) => Self::Signal,
        }
    }

    /// The word in `$SERVICE_RESULT`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::ExitCode => "exit-code",
            Self::Signal => "signal",
            Self::Timeout => "timeout",
        }
    }
}

/// When a service is started again (`Restart=`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Never.
    No,
    /// After every end.
    Always,
    /// After a clean end.
    OnSuccess,
    /// After anything but a clean end.
    OnFailure,
    /// After a signal or a time limit.
    OnAbnormal,
    /// After a signal.
    OnAbort,
}

impl Restart {
    /// Whether a service is started again after this end, by the table of systemd.service(5).
    pub fn after(self, verdict: Verdict) -> bool {
        match self {
            Self::No => false,
            Self::Always => true,
            Self::OnSuccess => verdict == Verdict::Success,
            Self::OnFailure => verdict != Verdict::Success,
            Self::OnAbnormal => matches!(verdict, Verdict::Signal | Verdict::Timeout),
            Self::OnAbort => verdict == Verdict::Signal,
        }
    }
}

impl FromStr for Restart {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "no" => Self::No,
            "always" => Self::Always,
            "on-success" => Self::OnSuccess,
            "on-failure" => Self::OnFailure,
            "on-abnormal" => Self::OnAbnormal,
            "on-abort" => Self::OnAbort,
            _ => return Err("this is not a value of Restart=".to_owned()),
        })
    }
}

/// A list of exit codes and signals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusSet {
    entries: Vec<Exit>,
}

impl StatusSet {
    /// Whether the list names this end.
    pub fn contains(&self, exit: Exit) -> bool {
        self.entries.contains(&exit)
    }

    /// Adds the codes and signal names of a line; an empty line empties the list.
    ///
    /// # Errors
    /// A sentence that names the word that is neither a code nor a signal.
    pub fn extend(&mut self, line: &str) -> Result<(), String> {
        if line.is_empty() {
            self.entries.clear();
        }
        for word in line.split_whitespace() {
            let code = word.parse::<u8>().map(|code| Exit::Code(i32::from(code)));
            let signal = || word.parse::<Signal>().map(|signal| Exit::Signal(signal as i32));
            let entry = code
                .or_else(|_| signal())
                .map_err(|_| format!("`{word}` is neither an exit code nor a signal"))?;
            self.entries.push(entry);
        }
        Ok(())
    }
}
