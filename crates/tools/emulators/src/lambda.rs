//! An emulator of a Lambda function: its queue of events, the runtime API that an execution
//! environment polls, and its process.
//!
//! Source of every path and header: "Using the Lambda runtime API for custom runtimes", AWS Lambda
//! Developer As on Lambda, an event or a response is at most 6 MB, deadlines are real, and a
//! function's own error is passed on. It is more lenient than Lambda in three ways. An event waits
//! in the queue while every environment is busy; Lambda starts another one or throttles. The
//! deadline counts from the request; on Lambda it counts from the start of the handler. And an
//! environment is never frozen between two events.
mod api;
mod queue;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::capture;
use crate::guard::{Guard, Guarded, Program};

pub use api::{RuntimeApi, RuntimeObserver, RuntimeStep};
pub use queue::{MAX_PAYLOAD, Queue, REQUEST_TOO_LARGE};

/// The result of an invocation.
#[derive(Clone, Debug, PartialEq)]
pub enum InvocationResult {
    /// The response of the function.
    Answered(Value),
    /// The function reported an error. Lambda calls it a function error.
    Failed(Value),
    /// The deadline passed. Lambda would end the environment.
    TimedOut,
}

/// A function: its queue, and at most one environment of its own. Other environments may poll the
/// same queue.
#[derive(Debug)]
pub struct Lambda {
    // The process is dropped first, since a cut-off poll would make it log an error.
    process: Option<Guarded>,
    environment: Option<RuntimeApi>,
    queue: Arc<Queue>,
    log: Option<PathBuf>,
}

impl Lambda {
    /// A function without an environment. The caller runs [`RuntimeApi`]s for its queue.
    #[must_use]
    pub fn without_environment() -> Self {
        Self {
            process: None,
            environment: None,
            queue: Arc::default(),
            log: None,
        }
    }

    /// Starts `bootstrap` with `env` and the variables that Lambda sets.
    pub async fn start(
        guard: &Guard,
        bootstrap: &Path,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> io::Result<Self> {
        Self::start_logging(guard, bootstrap, env, None).await
    }

    /// The same, with the function's output in the file `log`.
    pub async fn start_logging(
        guard: &Guard,
        bootstrap: &Path,
        env: impl IntoIterator<Item = (String, String)>,
        log: Option<PathBuf>,
    ) -> io::Result<Self> {
        let mut lambda = Self::without_environment();
        lambda.environment = Some(RuntimeApi::start(&lambda.queue, None).await?);
        lambda.log = log;
        lambda.launch(guard, bootstrap, env)?;
        Ok(lambda)
    }

    /// Starts a new process after one has ended, as Lambda does. The event of the old process is
    /// lost.
    pub fn launch(
        &mut self,
        guard: &Guard,
        bootstrap: &Path,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> io::Result<()> {
        let environment = self.environment.as_ref();
        let environment =
            environment.ok_or_else(|| io::Error::other("this function has no environment"))?;
        let mut program = environment.describe(Program::new(bootstrap), "function", 256);
        if let Some(log) = capture::log(bootstrap)? {
            let all = program.env("LOG_LEVEL", "trace");
            program = all.stdout(log.try_clone()?).stderr(log);
        }
        for (name, value) in env {
            capture::environment([(name.as_str(), value.as_str())]);
            program = program.env(name, value);
        }
        if let Some(log) = &self.log {
            let log = File::options().create(true).append(true).open(log)?;
            program = program.stdout(log.try_clone()?).stderr(log);
        }
        self.process = Some(guard.spawn(program)?);
        Ok(())
    }

    /// The queue of its events.
    #[must_use]
    pub const fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// The process id of the function.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        self.process.as_ref().map(Guarded::pid)
    }

    /// Whether the process has ended, as after a failed init.
    pub fn has_ended(&mut self) -> io::Result<bool> {
        match &mut self.process {
            Some(process) => process.try_wait().map(|status| status.is_some()),
            None => Ok(true),
        }
    }

    /// Waits until the function polls, which is the end of its init. No invocation is billed for
    /// the init.
    pub async fn ready(&self) {
        if let Some(environment) = &self.environment {
            environment.polled().await;
        }
    }

    /// Sends `event` to the function, and waits for the result until `timeout`, which is also its
    /// deadline.
    pub async fn invoke(&self, event: &Value, timeout: Duration) -> InvocationResult {
        self.invoke_for(event, timeout, timeout).await
    }

    /// The same, but waits for `max_wait`, which may be longer than the deadline on a busy machine.
    pub async fn invoke_for(
        &self,
        event: &Value,
        deadline: Duration,
        max_wait: Duration,
    ) -> InvocationResult {
        let reply = self.queue.push(event.to_string(), deadline);
        match tokio::time::timeout(max_wait, reply).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => InvocationResult::TimedOut,
        }
    }
}
