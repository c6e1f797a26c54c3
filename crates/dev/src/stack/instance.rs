//! One process of a function, from its start to its end.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use slipway_local::guard::Guarded;
use tokio::task::block_in_place;

use super::fleet::{Function, Yard};
use super::logs;
use super::runtime_api::{Caller, TIME_LIMIT};

const TICK: Duration = Duration::from_millis(100);

/// Why an instance is no more.
#[derive(Debug)]
pub(super) enum End {
    /// There is a newer binary.
    Replaced,
    /// It ended by itself, or was ended for taking too long.
    Died(String),
}

/// A running process, known to the runtime API.
pub(super) struct Instance {
    child: Guarded,
    caller: Arc<Caller>,
    id: u64,
    built: Option<SystemTime>,
}

impl Instance {
    /// Starts a process of `function`.
    pub(super) fn start(yard: &Yard, function: &Function) -> io::Result<Self> {
        let built = function.built();
        let (id, address, caller) = yard.api.enrol(&function.name);
        let program = yard
            .env
            .apply(super::program(&function.binary))
            .env("AWS_LAMBDA_RUNTIME_API", address)
            .env("AWS_LAMBDA_FUNCTION_NAME", &function.name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = block_in_place(|| yard.guard.spawn(program))?;
        if let Some(stdout) = child.take_stdout() {
            logs::follow(&function.name, stdout)?;
        }
        if let Some(stderr) = child.take_stderr() {
            logs::follow(&function.name, stderr)?;
        }
        Ok(Self {
            child,
            caller,
            id,
            built,
        })
    }

    /// Watches it until it has ended, and sees that its client gets an answer.
    pub(super) async fn live(
        mut self,
        yard: &Yard,
        function: &Function,
        leads: bool,
    ) -> io::Result<End> {
        let end = loop {
            tokio::time::sleep(TICK).await;
            if let Some(status) = self.child.try_wait()? {
                break End::Died(manner(status));
            }
            if leads && self.caller.polled() && !*function.ready.borrow() {
                function.ready.send_replace(true);
            }
            match self.caller.busy_since() {
                Some(since) if since.elapsed() > TIME_LIMIT + TICK => {
                    break End::Died(format!("took longer than {} s", TIME_LIMIT.as_secs()));
                }
                None if self.is_outdated(function, leads) => break End::Replaced,
                // What it works on it may finish first.
                Some(_) | None => {}
            }
        };
        // Its last words are worth more than the milliseconds.
        block_in_place(|| self.child.stop())?;
        yard.api.bury(self.id).await;
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

/// How a process ended; its guard tells signals as shells do.
fn manner(status: ExitStatus) -> String {
    match status.code() {
        Some(code) if code > 128 => format!("was killed by signal {}", code - 128),
        Some(code) => format!("ended with code {code}"),
        None => format!("died ({status})"),
    }
}
