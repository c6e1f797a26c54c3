//! A stack for one test, started and stopped as a person does.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub(crate) const EXE: &str = env!("CARGO_BIN_EXE_slipway-dev");

/// The first start may build and download.
const PATIENCE: Duration = Duration::from_mins(20);

pub(crate) struct Stack {
    process: Child,
    pub(crate) port: u16,
    pub(crate) transcript: String,
}

impl Stack {
    pub(crate) fn start(state: &Path, port: u16) -> Self {
        Self::start_by(
            Command::new(EXE)
                .args(["--port", &port.to_string(), "--state"])
                .arg(state),
            port,
        )
    }

    /// Starts `command`, whose API is on `port`.
    pub(crate) fn start_by(command: &mut Command, port: u16) -> Self {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the stack starts");
        let began = Instant::now();
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let mut transcript = String::new();
        loop {
            assert!(began.elapsed() < PATIENCE, "the stack is not up");
            let line = lines
                .next()
                .expect("the stack ended before it was up")
                .expect("text");
            println!("{line}");
            if transcript.is_empty() && !line.starts_with("TOKEN=") {
                continue;
            }
            // An empty line ends the part to paste.
            if line.is_empty() {
                break;
            }
            transcript.push_str(&line);
            transcript.push('\n');
        }
        // The output must be read from now on, or the stack would block on a full pipe.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                println!("{line}");
            }
        });
        let stack = Self {
            process,
            port,
            transcript,
        };
        slipway_emulators::capture::secret(stack.token());
        stack
    }

    /// The token of the transcript.
    pub(crate) fn token(&self) -> &str {
        let line = self.transcript.lines().next().expect("a token");
        line.trim_start_matches("TOKEN=")
    }

    /// Runs `script` after the transcript's first line, which sets `TOKEN`.
    pub(crate) fn with_token(&self, script: &str) -> String {
        let token = self.transcript.lines().next().expect("a token");
        bash(&format!(
            "{token}\nAPI=http://localhost:{}\n{script}",
            self.port
        ))
    }

    pub(crate) fn list(&self) -> String {
        self.with_token(r#"curl -sS --max-time 30 "$API/files" -H "Authorization: Bearer $TOKEN""#)
    }

    /// The processes of a function.
    pub(crate) fn processes(&self, function: &str) -> Vec<u32> {
        let is = |pid: &u32| program(*pid).is_some_and(|exe| exe.ends_with(function));
        self.descendants().into_iter().filter(is).collect()
    }

    pub(crate) fn descendants(&self) -> Vec<u32> {
        let parents = parents();
        let mut found = vec![self.process.id()];
        let mut at = 0;
        while let Some(parent) = found.get(at).copied() {
            found.extend(
                parents
                    .iter()
                    .filter(|(_, of)| **of == parent)
                    .map(|(pid, _)| *pid),
            );
            at += 1;
        }
        found
    }

    pub(crate) fn kill(mut self) {
        let family = self.descendants();
        assert!(
            family.len() > 5,
            "Postgres and functions were running: {family:?}"
        );
        self.process.kill().expect("SIGKILL");
        self.process.wait().expect("its end");
        let end = Instant::now() + Duration::from_secs(15);
        let left = || {
            family
                .iter()
                .filter(|pid| lives(**pid))
                .copied()
                .collect::<Vec<_>>()
        };
        while !left().is_empty() {
            assert!(
                Instant::now() < end,
                "these outlive the stack: {:?}",
                left()
            );
            sleep(Duration::from_millis(100));
        }
    }
}

pub(crate) fn bash(script: &str) -> String {
    let mut shell = Command::new("bash")
        .args(["-e", "-u", "-o", "pipefail"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("bash starts");
    shell
        .stdin
        .take()
        .expect("its input")
        .write_all(script.as_bytes())
        .expect("it reads");
    let output = shell.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{script}\n{said}");
    said
}

/// The executable of a process.
pub(crate) fn program(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// Every process and its parent.
fn parents() -> BTreeMap<u32, u32> {
    let entries = std::fs::read_dir("/proc").expect("Linux").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, stat(pid)?.1))).collect()
}

/// State and parent of a process. The name before them may contain anything, and ends with the last
/// parenthesis.
fn stat(pid: u32) -> Option<(char, u32)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = text.rsplit(')').next()?.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn lives(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z')
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// Repeats `check` until it holds. The timeout is only a limit for a busy machine.
pub(crate) fn eventually(what: &str, check: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_mins(3);
    while !check() {
        assert!(Instant::now() < end, "it never came to be: {what}");
        sleep(Duration::from_millis(250));
    }
}
