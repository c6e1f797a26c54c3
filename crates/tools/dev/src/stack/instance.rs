//! One process of a function.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use slipway_emulators::gateway::TIME_LIMIT;
use slipway_emulators::guard::Guarded;
use slipway_emulators::lambda::{RuntimeApi, RuntimeObserver, RuntimeStep};
use tokio::task::block_in_place;

use super::function::{LaunchSettings, StackFunction};
use super::logs;
use crate::say;

const TICK: Duration = Duration::from_millis(100);

/// The `MemorySize` of the functions.
const MEGABYTES: u32 = 512;

/// The reason why an instance has ended.
#[derive(Debug)]
pub(super) enum InstanceEnd {
    /// There is a newer binary.
    Replaced,
    /// It ended by itself, or was stopped after the time limit.
    Died(String),
}

/// A running process, and the runtime API that it polls.
pub(super) struct StackInstance {
    // Dropped before its API.
    child: Guarded,
    api: RuntimeApi,
    built: Option<SystemTime>,
}

impl StackInstance {
    /// Starts a process of `function`.
    pub(super) async fn start(
        settings: &LaunchSettings,
        function: &StackFunction,
    ) -> io::Result<Self> {
        let built = function.built();
        let observer = reporter(&function.name);
        let api = RuntimeApi::start(function.lambda.queue(), Some(observer)).await?;
        let program = settings
            .env(&function.name)
            .apply(super::program(&function.binary));
        let program = api
            .describe(program, &function.name, MEGABYTES)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = block_in_place(|| settings.guard.spawn(program))?;
        if let Some(stdout) = child.take_stdout() {
            logs::follow(&function.name, stdout)?;
        }
        if let Some(stderr) = child.take_stderr() {
            logs::follow(&function.name, stderr)?;
        }
        Ok(Self { child, api, built })
    }

    /// Watches the process until it has ended, and makes sure that its client gets a response.
    pub(super) async fn live(
        mut self,
        function: &StackFunction,
        leads: bool,
    ) -> io::Result<InstanceEnd> {
        let mut outdated = false;
        let end = loop {
            tokio::time::sleep(TICK).await;
            if let Some(status) = self.child.try_wait()? {
                break InstanceEnd::Died(manner(status));
            }
            let has_started = self.api.is_polling() || self.api.busy_since().is_some();
            if leads && has_started && !*function.ready.borrow() {
                function.ready.send_replace(true);
            }
            // Never reset: the leader may be ready again before a follower is idle.
            outdated |= self.is_outdated(function, leads);
            if outdated {
                // It finishes its current event, and gets no other.
                self.api.retire();
            }
            match self.api.busy_since() {
                Some(since) if since.elapsed() > TIME_LIMIT + TICK => {
                    break InstanceEnd::Died(format!(
                        "took longer than {} s",
                        TIME_LIMIT.as_secs()
                    ));
                }
                None if outdated => break InstanceEnd::Replaced,
                Some(_) | None => {}
            }
        };
        // Stopping it gracefully keeps its last log lines, at the cost of some milliseconds.
        block_in_place(|| self.child.stop())?;
        self.api.abandon("the process ended");
        Ok(end)
    }

    fn is_outdated(&self, function: &StackFunction, leads: bool) -> bool {
        if leads {
            // While cargo replaces the file it has no time.
            return function.built().is_some_and(|now| Some(now) != self.built);
        }
        !*function.ready.borrow()
    }
}

/// Prints errors to the terminal. Clients do not get their text.
fn reporter(function: &str) -> RuntimeObserver {
    let function = function.to_owned();
    Arc::new(move |step| match step {
        RuntimeStep::Failed(body) => say::part(&function, &format!("failed: {}", reason(body))),
        RuntimeStep::NotStarted(body) => {
            say::part(&function, &format!("did not start: {}", reason(body)));
        }
        RuntimeStep::Polled | RuntimeStep::Given | RuntimeStep::Answered(_) => {}
    })
}

fn reason(body: &[u8]) -> String {
    let error: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = error["errorMessage"].as_str().map(ToOwned::to_owned);
    text.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned())
}

/// How a process ended. The guard reports signals as shells do.
fn manner(status: ExitStatus) -> String {
    match status.code() {
        Some(code) if code > 128 => format!("was killed by signal {}", code - 128),
        Some(code) => format!("ended with code {code}"),
        None => format!("died ({status})"),
    }
}
