//! Maps a unit's paths and processes to this machine: every instance has its own root directory.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, bail};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::console::Console;
use super::processes::Marker;
use super::unit::{Exec, Unit};

/// Directories of a unit that are below the instance's own root.
const OWN: [&str; 3] = ["/etc/", "/run/", "/var/"];

/// One instance, as its service sees it. Cheap to clone.
#[derive(Clone)]
pub struct Host {
    /// The directory that replaces `/` for the instance's own directories.
    pub root: PathBuf,
    /// The directories that are searched for programs of `/usr/local/bin`, as `NAME` or `NAME.sh`.
    pub programs: Vec<PathBuf>,
    /// The environment of every process; the unit's own variables come after it.
    pub environment: Vec<(String, String)>,
    /// The variable by which the instance's processes are found.
    pub marker: Marker,
    /// The group ID of the processes, by which the packet filter recognises them; `None` is the region's own.
    pub group: Option<u32>,
    /// The console for the processes' output.
    pub console: Console,
    /// True while the instance is paused; no process is started then.
    pub paused: watch::Receiver<bool>,
    /// Locked while a process is started; true once no more processes may be started.
    pub ended: Arc<Mutex<bool>>,
}

impl Host {
    /// Starts a command of a unit. Returns only once the program runs, so that the next holder of the lock
    /// `ended` finds the process by its marker.
    ///
    /// # Errors
    /// When the instance has ended, or the program cannot be run.
    pub async fn start(&self, unit: &Unit, exec: &Exec, label: &str) -> anyhow::Result<Child> {
        let variables = self.variables(unit)?;
        let words: Vec<String> =
            exec.words.iter().map(|word| self.path_text(&substituted(word, &variables))).collect();
        let Some((program, arguments)) = words.split_first() else { bail!("an empty command line") };
        let program = self.program(Path::new(program));
        let (name, value) = self.marker.variable();
        let mut command = Command::new(&program);
        command.args(arguments).env_clear().envs(variables).env(name, value);
        command.current_dir(&self.root).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(group) = self.group {
            command.gid(group);
        }
        let mut child =
            self.spawn(&mut command).await.with_context(|| format!("cannot run {}", program.display()))?;
        if let Some(stdout) = child.stdout.take() {
            self.console.follow(label, stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            self.console.follow(label, stderr);
        }
        Ok(child)
    }

    async fn spawn(&self, command: &mut Command) -> anyhow::Result<Child> {
        let mut paused = self.paused.clone();
        loop {
            paused.wait_for(|paused| !paused).await?;
            let ended = self.ended();
            if *ended {
                bail!("the instance has ended");
            }
            if !*self.paused.borrow() {
                return Ok(command.spawn()?);
            }
        }
    }

    /// Locks `ended`, as the start of a process does.
    pub fn ended(&self) -> MutexGuard<'_, bool> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the directories that the unit names.
    ///
    /// # Errors
    /// When a directory cannot be made.
    pub fn make_directories(&self, unit: &Unit) -> std::io::Result<()> {
        let all = unit.runtime_directories.iter().chain(&unit.lasting_directories);
        all.map(|directory| self.path(directory)).try_for_each(std::fs::create_dir_all)
    }

    /// Removes the directories that do not outlive the service.
    pub fn remove_runtime_directories(&self, unit: &Unit) {
        for directory in &unit.runtime_directories {
            let _gone_already = std::fs::remove_dir_all(self.path(directory));
        }
    }

    /// The path on this machine for a path of the instance.
    pub fn path(&self, path: &Path) -> PathBuf {
        PathBuf::from(self.path_text(&path.to_string_lossy()))
    }

    fn path_text(&self, text: &str) -> String {
        if OWN.iter().any(|own| text.starts_with(own)) {
            format!("{}{text}", self.root.display())
        } else {
            text.to_owned()
        }
    }

    fn program(&self, path: &Path) -> PathBuf {
        let Some(name) = path.strip_prefix("/usr/local/bin").ok().and_then(Path::to_str) else {
            return path.to_owned();
        };
        let candidates =
            self.programs.iter().flat_map(|dir| [dir.join(name), dir.join(format!("{name}.sh"))]);
        candidates.into_iter().find(|candidate| candidate.is_file()).unwrap_or_else(|| path.to_owned())
    }

    /// The variables of a command. The unit's environment files are read again for every command, as systemd
    /// does.
    fn variables(&self, unit: &Unit) -> anyhow::Result<Vec<(String, String)>> {
        let mut variables = self.environment.clone();
        variables.extend(unit.environment.iter().map(|(name, value)| (name.clone(), self.path_text(value))));
        for (file, optional) in &unit.environment_files {
            let file = self.path(file);
            match std::fs::read_to_string(&file) {
                Ok(text) => variables.extend(settings(&text)),
                Err(error) if *optional && error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
            }
        }
        Ok(variables)
    }
}

/// The assignments of an environment file: `NAME=value` lines, where the value may be in quotes.
fn settings(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';']));
    lines.filter_map(|line| line.split_once('=')).map(|(name, value)| {
        let quoted = ['"', '\''].into_iter().find_map(|q| value.strip_prefix(q)?.strip_suffix(q));
        (name.trim().to_owned(), quoted.unwrap_or(value).to_owned())
    })
}

/// Replaces `${NAME}` (systemd.service(5), "Command lines"). The last assignment counts; an unset name is
/// empty.
fn substituted(word: &str, variables: &[(String, String)]) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, tail)) = after.split_once('}') else { break };
        out.push_str(before);
        out.push_str(variables.iter().rev().find(|(n, _)| n == name).map_or("", |(_, value)| value));
        rest = tail;
    }
    out + rest
}
