//! The processes of the functions: how many there are, and when each restarts.
//!
//! The instances of a function poll one queue, as Lambda's environments do. After a build, the
//! first instance stops as soon as it is idle and starts from the new binary. When it polls, the
//! others follow. A stopping instance takes no further event, and the queue keeps the events
//! meanwhile, so a reload loses no request.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slipway_emulators::guard::Guard;
use slipway_emulators::lambda::Lambda;
use slipway_emulators::s3::KeyPair;
use tokio::task::JoinSet;

use super::function::{LaunchSettings, StackFunction};
use super::instance::{InstanceEnd, StackInstance};
use super::settings::EnvChanges;
use crate::say;

/// An instance that ran this long did not fail at its start.
const STABLE: Duration = Duration::from_secs(10);

const SHORTEST_PAUSE: Duration = Duration::from_millis(500);

const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// All running functions. They stop when this is dropped.
pub(super) struct Fleet {
    functions: Vec<Arc<StackFunction>>,
    started: Instant,
    _slots: JoinSet<()>,
}

impl Fleet {
    /// Starts every instance of every function. `keys` is the administrator's access key of the
    /// local S3.
    pub(super) fn start(
        guard: &Guard,
        functions: Vec<StackFunction>,
        env: &EnvChanges,
        keys: Option<&KeyPair>,
    ) -> Self {
        let settings = Arc::new(LaunchSettings {
            guard: guard.clone(),
            env: env.clone(),
            keys: keys.cloned(),
        });
        let functions: Vec<_> = functions.into_iter().map(Arc::new).collect();
        let mut slots = JoinSet::new();
        for function in &functions {
            for slot in 0..function.instances {
                slots.spawn(keep(Arc::clone(&settings), Arc::clone(function), slot));
            }
        }
        Self {
            functions,
            started: Instant::now(),
            _slots: slots,
        }
    }

    /// The function `name`.
    pub(super) fn lambda(&self, name: &str) -> io::Result<Arc<Lambda>> {
        let function = self.functions.iter().find(|it| it.name == name);
        let function = function.ok_or_else(|| io::Error::other(format!("no function {name}")))?;
        Ok(Arc::clone(&function.lambda))
    }

    /// Waits until each function has started, and names those that take long.
    pub(super) async fn ready(&mut self) {
        for function in &self.functions {
            let mut ready = function.ready.subscribe();
            let wait = ready.wait_for(|ready| *ready);
            if tokio::time::timeout(STABLE, wait).await.is_err() {
                say::part(
                    &function.name,
                    "does not start: see above; until it does, its requests get a 500",
                );
            }
        }
        let names: Vec<&str> = self
            .functions
            .iter()
            .map(|function| function.name.as_str())
            .collect();
        say::took("functions", &names.join(", "), self.started);
    }
}

/// Keeps one instance running. The first of each function leads. The others run while it is ready,
/// and so restart when it restarts with a new binary.
async fn keep(settings: Arc<LaunchSettings>, function: Arc<StackFunction>, slot: usize) {
    let leads = slot == 0;
    let mut failures = 0;
    loop {
        if leads {
            function.ready.send_replace(false);
        } else {
            let mut ready = function.ready.subscribe();
            let _ = ready.wait_for(|ready| *ready).await;
        }
        let born = Instant::now();
        let end = match StackInstance::start(&settings, &function).await {
            Ok(instance) => instance.live(&function, leads).await,
            Err(error) => Ok(InstanceEnd::Died(error.to_string())),
        };
        if born.elapsed() > STABLE {
            failures = 0;
        }
        let how = match end {
            Ok(InstanceEnd::Replaced) => {
                if leads {
                    say::part(&function.name, "has a new binary: reloading");
                }
                failures = 0;
                continue;
            }
            Ok(InstanceEnd::Died(how)) => how,
            Err(error) => io::Error::to_string(&error),
        };
        let pause = (SHORTEST_PAUSE * (1 << failures.min(6))).min(LONGEST_PAUSE);
        failures += 1;
        let seconds = pause.as_secs_f64();
        say::part(
            &function.name,
            &format!("{how}: starting it again in {seconds:.1} s"),
        );
        pause_or_rebuild(&function, leads, pause).await;
    }
}

/// Waits for the pause, or until there is a new binary.
async fn pause_or_rebuild(function: &StackFunction, leads: bool, pause: Duration) {
    let (built, until) = (function.built(), Instant::now() + pause);
    while Instant::now() < until {
        // The leader ended before it polled, and the next one may as well. Do not let requests wait
        // for it.
        if leads && !*function.ready.borrow() {
            let queue = function.lambda.queue();
            queue.fail_waiting("the function does not start");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        if function.built().is_some_and(|now| Some(now) != built) {
            return;
        }
    }
}
