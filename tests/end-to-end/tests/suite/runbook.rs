//! The commands of `docs/OPERATIONS.md`, run as they stand on the page. Only the words in capitals are filled in.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use end_to_end::cluster::Cluster;
use end_to_end::stage::checkout;
use tokio::process::Command;

/// The numbered steps of one section of the page.
pub struct Runbook {
    section: &'static str,
    steps: Vec<Vec<String>>,
    /// The operator's working folder.
    folder: tempfile::TempDir,
    programs: PathBuf,
}

impl Runbook {
    /// Reads a section. The commands are those of the etcd in this folder.
    pub fn open(section: &'static str, programs: PathBuf) -> Result<Self> {
        let page = std::fs::read_to_string(checkout().join("docs/OPERATIONS.md"))?;
        let (_, rest) = page.split_once(&format!("\n## {section}\n")).context("the page has the section")?;
        let body = rest.split("\n## ").next().unwrap_or_default();
        let steps: Vec<Vec<String>> = steps(body).iter().map(|step| commands(step)).collect();
        ensure!(!steps.is_empty(), "{section:?} has no numbered steps");
        Ok(Self { section, steps, folder: tempfile::tempdir()?, programs })
    }

    /// Runs the command of this step (the first is 1) in which this word stands, and returns what it prints.
    pub async fn run(
        &self,
        cluster: &Cluster,
        step: usize,
        word: &str,
        fill: &[(&str, &str)],
    ) -> Result<String> {
        let of_step =
            self.steps.get(step - 1).with_context(|| format!("{:?} has no step {step}", self.section))?;
        let mut found = of_step.iter().filter(|c| c.split([' ', '"']).any(|w| w == word));
        let (Some(command), None) = (found.next(), found.next()) else {
            bail!("step {step} of {:?} has not one command with {word:?}: {of_step:?}", self.section);
        };
        let command = filled(command, fill)?;
        println!("operator: {command}");
        match command.strip_prefix("aws ") {
            Some(words) => aws(cluster, words).await.map(|()| String::new()),
            None => self.shell(&command).await,
        }
        .with_context(|| format!("step {step} of {:?}: {command}", self.section))
    }

    async fn shell(&self, command: &str) -> Result<String> {
        let path = format!("{}:/usr/bin:/bin", self.programs.display());
        let mut shell = Command::new("sh");
        shell.args(["-ec", command]).env_clear().env("PATH", path).current_dir(self.folder.path());
        let output = shell.kill_on_drop(true).output().await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {}", output.status, said.trim());
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// What a command has written into this file.
    pub fn file(&self, name: &str) -> Result<Vec<u8>> {
        std::fs::read(self.folder.path().join(name)).with_context(|| format!("reading {name}"))
    }
}

/// The numbered items, each in one line.
fn steps(body: &str) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    for line in body.lines() {
        match line.strip_prefix("   ") {
            Some(more) => steps.iter_mut().last().into_iter().for_each(|step| *step += &format!(" {more}")),
            None if line.starts_with(|c: char| c.is_ascii_digit()) => steps.push(line.to_owned()),
            None => {}
        }
    }
    steps
}

fn commands(step: &str) -> Vec<String> {
    let quoted = step.split('`').skip(1).step_by(2);
    quoted.filter(|c| c.starts_with("etcdctl ") || c.starts_with("aws ")).map(str::to_owned).collect()
}

/// The command with each of these words replaced, and with no other word in capitals.
fn filled(command: &str, fill: &[(&str, &str)]) -> Result<String> {
    let mut text = String::new();
    let mut word = String::new();
    for c in command.chars().chain(['\0']) {
        if c.is_ascii_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        let value = fill.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
        let open = word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase());
        ensure!(value.is_some() || !open, "nothing stands for {word} in {command}");
        text += value.unwrap_or(&word);
        word.clear();
        text.extend(Some(c).filter(|c| *c != '\0'));
    }
    Ok(text)
}

/// The AWS CLI's command, as a call of the SDK.
async fn aws(cluster: &Cluster, words: &str) -> Result<()> {
    let words: Vec<&str> = words.split_whitespace().collect();
    match words[..] {
        [
            "autoscaling",
            "terminate-instance-in-auto-scaling-group",
            "--no-should-decrement-desired-capacity",
            "--instance-id",
            id,
        ] => cluster.terminate(id).await,
        _ => bail!("the suite does not know this command of the AWS CLI"),
    }
}
