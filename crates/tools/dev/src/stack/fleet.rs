//! The processes of the functions: how many, and when each starts again.
//!
//! The instances of a function poll one queue, as Lambda's environments do. After a build, the first instance ends as soon
//! as it is idle and starts from the new binary; when it polls, the others follow. An instance that is to end takes no
//! further event, and the queue keeps the events meanwhile, so a reload loses no request.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use slipway_emulators::guard::Guard;
use slipway_emulators::lambda::Lambda;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::instance::{End, Instance};
use super::settings::Env;
use crate::say;

/// How many requests of one function run at once; Lambda would start more environments.
const INSTANCES: usize = 4;

/// One that lived this long did not fail at its start.
const STABLE: Duration = Duration::from_secs(10);

const SHORTEST_PAUSE: Duration = Duration::from_millis(500);

const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A function and the program that serves it.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) binary: PathBuf,
    pub(super) instances: usize,
    /// Its events.
    pub(super) lambda: Arc<Lambda>,
    /// Whether its first instance has polled. The others wait for that, so that what keeps it from starting is
    /// reported once.
    pub(super) ready: watch::Sender<bool>,
}

impl Function {
    /// A function that serves requests, or events.
    pub(super) fn new(name: &str, binary: PathBuf, routed: bool) -> Self {
        Self {
            name: name.to_owned(),
            binary,
            instances: if routed { INSTANCES } else { 2 },
            lambda: Arc::new(Lambda::without_environment()),
            ready: watch::Sender::new(false),
        }
    }

    /// When its binary was last built; none while cargo replaces it.
    pub(super) fn built(&self) -> Option<SystemTime> {
        std::fs::metadata(&self.binary)
            .and_then(|file| file.modified())
            .ok()
    }
}

/// What every instance is started with.
pub(super) struct Yard {
    pub(super) guard: Guard,
    pub(super) env: Env,
}

/// All functions, running; they end when this is dropped.
pub(super) struct Fleet {
    functions: Vec<Arc<Function>>,
    started: Instant,
    _slots: JoinSet<()>,
}

impl Fleet {
    /// Starts every instance of every function.
    pub(super) fn start(guard: &Guard, functions: Vec<Function>, env: &Env) -> Self {
        let yard = Arc::new(Yard {
            guard: guard.clone(),
            env: env.clone(),
        });
        let functions: Vec<_> = functions.into_iter().map(Arc::new).collect();
        let mut slots = JoinSet::new();
        for function in &functions {
            for slot in 0..function.instances {
                slots.spawn(keep(Arc::clone(&yard), Arc::clone(function), slot));
            }
        }
        Self {
            functions,
            started: Instant::now(),
            _slots: slots,
        }
    }

    /// A function by name.
    pub(super) fn lambda(&self, name: &str) -> io::Result<Arc<Lambda>> {
        let function = self.functions.iter().find(|it| it.name == name);
        let function = function.ok_or_else(|| io::Error::other(format!("no function {name}")))?;
        Ok(Arc::clone(&function.lambda))
    }

    /// Waits until each has started, naming those that take long.
    pub(super) async fn ready(&mut self) {
        for function in &self.functions {
            let mut ready = function.ready.subscribe();
            let wait = ready.wait_for(|ready| *ready);
            if tokio::time::timeout(STABLE, wait).await.is_err() {
                say::part(
                    &function.name,
                    "does not start: see above; until it does, its requests are answered by 500",
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

/// Keeps one instance alive. The first of each function leads: the others run
/// while it is ready, and so follow when it ends for a new binary.
async fn keep(yard: Arc<Yard>, function: Arc<Function>, slot: usize) {
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
        let end = match Instance::start(&yard, &function).await {
            Ok(instance) => instance.live(&function, leads).await,
            Err(error) => Ok(End::Died(error.to_string())),
        };
        if born.elapsed() > STABLE {
            failures = 0;
        }
        let how = match end {
            Ok(End::Replaced) => {
                if leads {
                    say::part(&function.name, "has a new binary: reloading");
                }
                failures = 0;
                continue;
            }
            Ok(End::Died(how)) => how,
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

/// Waits, but not longer than until there is another binary to try.
async fn pause_or_rebuild(function: &Function, leads: bool, pause: Duration) {
    let (built, until) = (function.built(), Instant::now() + pause);
    while Instant::now() < until {
        // The leader ended before it polled, and the next may as well: do not let requests wait for it.
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
