//! A Lambda of our own: the runtime API of AWS Lambda, and a built function that polls it.
//!
//! Source of every path and header: "Using the Lambda runtime API for custom runtimes", AWS Lambda Developer
//! Guide. Unlike an emulator for development it sets true deadlines, and reports what the function itself reports.
mod api;

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::capture;
use crate::guard::{Guard, Guarded, Program};
use api::Queue;

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

/// One execution environment: a process, and the runtime API it polls.
#[derive(Debug)]
pub struct Lambda {
    queue: Arc<Queue>,
    serving: JoinHandle<()>,
    process: Option<Guarded>,
    address: SocketAddr,
    log: Option<PathBuf>,
}

impl Lambda {
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
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let queue = Arc::new(Queue::default());
        let serving = tokio::spawn(api::serve(listener, Arc::clone(&queue)));
        let mut lambda = Self {
            queue,
            serving,
            process: None,
            address,
            log,
        };
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
        let mut program = Program::new(bootstrap)
            .env("AWS_LAMBDA_RUNTIME_API", self.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "function")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "group")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "stream");
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
        self.queue.polled().await;
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

impl Drop for Lambda {
    fn drop(&mut self) {
        // First the process: a poll that is cut off would make it end with a complaint.
        self.process = None;
        self.serving.abort();
    }
}
