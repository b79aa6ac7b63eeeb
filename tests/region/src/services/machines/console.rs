//! An instance's console: what its processes print, each line with its time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use crate::model::time::timestamp;

/// How many lines are kept.
const LINES: usize = 5_000;

/// The newest lines of a console. Cheap to clone.
#[derive(Clone, Default)]
pub struct Console {
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl Console {
    /// Appends a line.
    pub fn print(&self, source: &str, text: &str) {
        let line = format!("{} {source}: {text}", timestamp(SystemTime::now()));
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// Keeps the lines of a stream until its end.
    pub fn follow(&self, source: &str, stream: impl AsyncRead + Unpin + Send + 'static) {
        let console = self.clone();
        let source = source.to_owned();
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                console.print(&source, &line);
            }
        });
    }

    /// All lines kept, oldest first.
    pub fn text(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }
}
