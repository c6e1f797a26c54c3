//! A Lambda function of our own: its queue of events, the runtime API that an execution environment polls, and the
//! process behind it.
//!
//! Source of every path and header: "Using the Lambda runtime API for custom runtimes", AWS Lambda Developer
//! Guide. As on Lambda an event or an answer is at most 6 MB, deadlines are true, and a function's own error is passed on.
//! It is kinder than Lambda in three ways: an event waits in the queue while every environment is busy, where Lambda starts
//! another one or throttles; the deadline counts from the request, where Lambda counts from the start of the handler; and
//! an environment is never frozen between two events.
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

pub use api::{Observer, RuntimeApi, Step};
pub use queue::{MAX_PAYLOAD, Queue, REQUEST_TOO_LARGE};

/// What became of an invocation.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The function answered.
    Answered(Value),
    /// The function reported an error: Lambda would call this a function error.
    Failed(Value),
    /// Nothing came before the deadline: Lambda would end the environment.
    TimedOut,
}

/// A function: its queue, and at most one environment of its own. Others may poll the same queue.
#[derive(Debug)]
pub struct Lambda {
    // First the process: a poll that is cut off would make it end with a complaint.
    process: Option<Guarded>,
    environment: Option<RuntimeApi>,
    queue: Arc<Queue>,
    log: Option<PathBuf>,
}

impl Lambda {
    /// A function without an environment: the caller runs [`RuntimeApi`]s for its queue.
    #[must_use]
    pub fn without_environment() -> Self {
        Self {
            process: None,
            environment: None,
            queue: Arc::default(),
            log: None,
        }
    }

    /// Starts `bootstrap` with `env` on top of what Lambda sets itself.
    pub async fn start(
        guard: &Guard,
        bootstrap: &Path,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> io::Result<Self> {
        Self::start_logging(guard, bootstrap, env, None).await
    }

    /// The same, and what the function says is kept in the file `log` instead of being shown.
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

    /// Starts a process in place of one that ended, as Lambda does; what it had been given is lost with it.
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

    /// Its events.
    #[must_use]
    pub const fn queue(&self) -> &Arc<Queue> {
        &self.queue
    }

    /// The function's process id.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        self.process.as_ref().map(Guarded::pid)
    }

    /// Whether the process has ended, as after an init that failed.
    pub fn has_ended(&mut self) -> io::Result<bool> {
        match &mut self.process {
            Some(process) => process.try_wait().map(|status| status.is_some()),
            None => Ok(true),
        }
    }

    /// Returns once the function asks for work: its init, of whose time no invocation pays, is done.
    pub async fn ready(&self) {
        if let Some(environment) = &self.environment {
            environment.polled().await;
        }
    }

    /// Gives `event` to the function, and waits for its answer until `timeout`, of which the function is told.
    pub async fn invoke(&self, event: &Value, timeout: Duration) -> Outcome {
        self.invoke_for(event, timeout, timeout).await
    }

    /// The same, but waits for `patience`, where the machine may be too busy to look at the clock for.
    pub async fn invoke_for(
        &self,
        event: &Value,
        deadline: Duration,
        patience: Duration,
    ) -> Outcome {
        let reply = self.queue.push(event.to_string(), deadline);
        match tokio::time::timeout(patience, reply).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) | Err(_) => Outcome::TimedOut,
        }
    }
}
