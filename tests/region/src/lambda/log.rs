//! What the functions' processes print.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use super::sandbox::Sandbox;
use crate::site::timestamp;

/// How many lines are kept.
const LINES: usize = 20_000;

/// The newest lines of all functions. Cheap to clone.
#[derive(Clone, Default)]
pub struct Log {
    lines: Arc<Mutex<VecDeque<String>>>,
}

/// Who prints.
#[derive(Clone)]
pub struct Source {
    /// The function.
    pub function: String,
    /// The region's number of the process.
    pub process: u64,
    /// Knows the request at hand.
    pub sandbox: Weak<Sandbox>,
}

impl Log {
    /// Keeps what comes out of a stream until its end.
    pub fn follow(&self, source: Source, stream: impl AsyncRead + Unpin + Send + 'static) {
        let log = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let request = source.sandbox.upgrade().and_then(|sandbox| sandbox.current_request());
                let request = request.as_deref().unwrap_or("-");
                let at = timestamp(SystemTime::now());
                log.push(format!("{at} {} {} {request} {line}", source.function, source.process));
            }
        });
    }

    /// All lines kept, oldest first.
    pub fn text(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }

    fn push(&self, line: String) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
}
