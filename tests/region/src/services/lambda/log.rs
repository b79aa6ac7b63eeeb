//! The lines that the functions' processes print.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use crate::model::time::timestamp;

/// How many lines are kept.
const LINES: usize = 20_000;

/// The newest lines of all functions. Cheap to clone.
#[derive(Clone, Default)]
pub struct Log {
    lines: Arc<Mutex<VecDeque<String>>>,
}

/// The process whose output is kept.
#[derive(Clone)]
pub struct Source {
    /// The function's name.
    pub function: String,
    /// The region's number of the process.
    pub process: u64,
    /// Returns the ID of the request that the process works on.
    pub request: Arc<dyn Fn() -> Option<String> + Send + Sync>,
}

impl Log {
    /// Keeps the lines of a stream until its end.
    pub fn follow(&self, source: Source, stream: impl AsyncRead + Unpin + Send + 'static) {
        let log = self.clone();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let request = (source.request)();
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
