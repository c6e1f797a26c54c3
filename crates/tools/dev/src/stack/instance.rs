//! One process of a function, from its start to its end.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use slipway_emulators::gateway::TIME_LIMIT;
use slipway_emulators::guard::Guarded;
use slipway_emulators::lambda::{Observer, RuntimeApi, Step};
use tokio::task::block_in_place;

use super::fleet::{Function, Yard};
use super::logs;
use crate::say;

const TICK: Duration = Duration::from_millis(100);

/// The `MemorySize` that functions are told of.
const MEGABYTES: u32 = 512;

/// Why an instance has ended.
#[derive(Debug)]
pub(super) enum End {
    /// There is a newer binary.
    Replaced,
    /// It ended by itself, or was ended for taking too long.
    Died(String),
}

/// A running process, and the runtime API that it polls.
pub(super) struct Instance {
    // Ends before its API does.
    child: Guarded,
    api: RuntimeApi,
    built: Option<SystemTime>,
}

impl Instance {
    /// Starts a process of `function`.
    pub(super) async fn start(yard: &Yard, function: &Function) -> io::Result<Self> {
        let built = function.built();
        let observer = reporter(&function.name);
        let api = RuntimeApi::start(function.lambda.queue(), Some(observer)).await?;
        let program = yard.env.apply(super::program(&function.binary));
        let program = api
            .describe(program, &function.name, MEGABYTES)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = block_in_place(|| yard.guard.spawn(program))?;
        if let Some(stdout) = child.take_stdout() {
            logs::follow(&function.name, stdout)?;
        }
        if let Some(stderr) = child.take_stderr() {
            logs::follow(&function.name, stderr)?;
        }
        Ok(Self { child, api, built })
    }

    /// Watches it until it has ended, and sees that its client gets an answer.
    pub(super) async fn live(mut self, function: &Function, leads: bool) -> io::Result<End> {
        let mut outdated = false;
        let end = loop {
            tokio::time::sleep(TICK).await;
            if let Some(status) = self.child.try_wait()? {
                break End::Died(manner(status));
            }
            let has_started = self.api.is_polling() || self.api.busy_since().is_some();
            if leads && has_started && !*function.ready.borrow() {
                function.ready.send_replace(true);
            }
            // For good: the leader may be ready again before a follower is idle.
            outdated |= self.is_outdated(function, leads);
            if outdated {
                // It may finish its current event, and gets no other.
                self.api.retire();
            }
            match self.api.busy_since() {
                Some(since) if since.elapsed() > TIME_LIMIT + TICK => {
                    break End::Died(format!("took longer than {} s", TIME_LIMIT.as_secs()));
                }
                None if outdated => break End::Replaced,
                Some(_) | None => {}
            }
        };
        // Its last log lines are worth more than the milliseconds.
        block_in_place(|| self.child.stop())?;
        self.api.abandon("the process ended");
        Ok(end)
    }

    fn is_outdated(&self, function: &Function, leads: bool) -> bool {
        if leads {
            // A file that cargo has yet to put in place has no time.
            return function.built().is_some_and(|now| Some(now) != self.built);
        }
        !*function.ready.borrow()
    }
}

/// Tells the person at the terminal of errors, whose text clients do not get.
fn reporter(function: &str) -> Observer {
    let function = function.to_owned();
    Arc::new(move |step| match step {
        Step::Failed(body) => say::part(&function, &format!("failed: {}", reason(body))),
        Step::NotStarted(body) => {
            say::part(&function, &format!("did not start: {}", reason(body)));
        }
        Step::Polled | Step::Given | Step::Answered(_) => {}
    })
}

fn reason(body: &[u8]) -> String {
    let error: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = error["errorMessage"].as_str().map(ToOwned::to_owned);
    text.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned())
}

/// How a process ended; its guard reports signals as shells do.
fn manner(status: ExitStatus) -> String {
    match status.code() {
        Some(code) if code > 128 => format!("was killed by signal {}", code - 128),
        Some(code) => format!("ended with code {code}"),
        None => format!("died ({status})"),
    }
}
