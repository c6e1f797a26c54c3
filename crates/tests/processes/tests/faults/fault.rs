//! The faults: what each is called, whose path it is on, and how it is done.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use slipway_emulators::lambda::InvocationResult;
use slipway_testkit::{HttpFault, TcpFault};

use crate::application::Application;
use crate::function::{Change, FaultyFunction};
use crate::server::busy;
use crate::steps::Hold;
use crate::world::{AMPLE, World};

/// Longer than any function needs to detect a closed connection.
const FROZEN: Duration = Duration::from_millis(300);

/// A row of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    PostgresRefused,
    PostgresSilentAtConnect,
    PostgresSilent,
    PostgresLate,
    PostgresLocked,
    PostgresCut,
    PostgresAnswerLost,
    PostgresHalfClosed,
    PostgresTerminated,
    PostgresStopped,
    PostgresKilledBetween,
    PostgresKilledDuring,
    S3Refused,
    S3Internal,
    S3SlowDownOnce,
    S3SlowDown,
    S3Reset,
    S3AnswersLost,
    S3Silent,
    S3SilentWithin,
    ApplicationRefused,
    ApplicationInternal,
    ApplicationReset,
    ApplicationAnswersLost,
    ApplicationSilent,
    QueueInternal,
    QueueAnswersLost,
    FrozenBetween,
    FrozenDuring,
    Killed,
}

/// The dependency that a function must have for the fault to affect it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    Postgres,
    S3,
    /// The function must send a request that changes something in S3.
    S3Writes,
    /// The function must deliver webhooks.
    Application,
    Any,
}

impl Fault {
    /// All faults, in the order of the rows.
    pub(crate) const ALL: [Self; 30] = [
        Self::PostgresRefused,
        Self::PostgresSilentAtConnect,
        Self::PostgresSilent,
        Self::PostgresLate,
        Self::PostgresLocked,
        Self::PostgresCut,
        Self::PostgresAnswerLost,
        Self::PostgresHalfClosed,
        Self::PostgresTerminated,
        Self::PostgresStopped,
        Self::PostgresKilledBetween,
        Self::PostgresKilledDuring,
        Self::S3Refused,
        Self::S3Internal,
        Self::S3SlowDownOnce,
        Self::S3SlowDown,
        Self::S3Reset,
        Self::S3AnswersLost,
        Self::S3Silent,
        Self::S3SilentWithin,
        Self::ApplicationRefused,
        Self::ApplicationInternal,
        Self::ApplicationReset,
        Self::ApplicationAnswersLost,
        Self::ApplicationSilent,
        Self::QueueInternal,
        Self::QueueAnswersLost,
        Self::FrozenBetween,
        Self::FrozenDuring,
        Self::Killed,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PostgresRefused => "Postgres refuses connections",
            Self::PostgresSilentAtConnect => "Postgres accepts connections and never answers",
            Self::PostgresSilent => "Postgres stops answering within a session",
            Self::PostgresLate => "Postgres answers after the deadline",
            Self::PostgresLocked => "another transaction holds a lock in Postgres",
            Self::PostgresCut => "the connection is cut before the query arrives",
            Self::PostgresAnswerLost => "the connection is cut after COMMIT, before its response",
            Self::PostgresHalfClosed => "the connection is half-closed",
            Self::PostgresTerminated => "idle backends are terminated",
            Self::PostgresStopped => "Postgres is stopped and started again",
            Self::PostgresKilledBetween => "Postgres is killed and restarted between invocations",
            Self::PostgresKilledDuring => "Postgres is killed during an invocation",
            Self::S3Refused => "S3 refuses connections",
            Self::S3Internal => "S3 answers 500",
            Self::S3SlowDownOnce => "S3 answers 503 SlowDown once",
            Self::S3SlowDown => "S3 always answers 503 SlowDown",
            Self::S3Reset => "S3 resets connections",
            Self::S3AnswersLost => "S3 executes requests, and the responses are lost",
            Self::S3Silent => "S3 accepts connections and never answers",
            Self::S3SilentWithin => "S3 stops within a response",
            Self::ApplicationRefused => "the application refuses connections",
            Self::ApplicationInternal => "the application answers 500",
            Self::ApplicationReset => "the application resets connections",
            Self::ApplicationAnswersLost => "the application's responses are lost",
            Self::ApplicationSilent => "the application accepts connections and never answers",
            Self::QueueInternal => "SQS answers 500",
            Self::QueueAnswersLost => "SQS takes messages, and its responses are lost",
            Self::FrozenBetween => "frozen between invocations, backends terminated, resumed",
            Self::FrozenDuring => "frozen during an invocation, backends terminated, resumed",
            Self::Killed => "killed before or after any step, and delivered again",
        }
    }

    /// The dependency that the fault is in.
    pub(crate) const fn path(self) -> Path {
        match self {
            Self::PostgresRefused
            | Self::PostgresSilentAtConnect
            | Self::PostgresSilent
            | Self::PostgresLate
            | Self::PostgresLocked
            | Self::PostgresCut
            | Self::PostgresAnswerLost
            | Self::PostgresHalfClosed
            | Self::PostgresTerminated
            | Self::PostgresStopped
            | Self::PostgresKilledBetween
            | Self::PostgresKilledDuring => Path::Postgres,
            Self::S3Refused
            | Self::S3Internal
            | Self::S3SlowDownOnce
            | Self::S3SlowDown
            | Self::S3Reset
            | Self::S3Silent
            | Self::S3SilentWithin => Path::S3,
            Self::S3AnswersLost => Path::S3Writes,
            Self::ApplicationRefused
            | Self::ApplicationInternal
            | Self::ApplicationReset
            | Self::ApplicationAnswersLost
            | Self::ApplicationSilent
            | Self::QueueInternal
            | Self::QueueAnswersLost => Path::Application,
            Self::FrozenBetween | Self::FrozenDuring | Self::Killed => Path::Any,
        }
    }

    /// The deadline of an invocation. It is short only if nothing else ends the invocation.
    pub(crate) const fn deadline(self, function: &FaultyFunction) -> Duration {
        match self {
            Self::PostgresSilentAtConnect
            | Self::PostgresSilent
            | Self::PostgresLate
            | Self::PostgresLocked
            | Self::S3Silent
            | Self::S3SilentWithin => function.deadline,
            _ => AMPLE,
        }
    }

    /// Whether the fault can affect `function`.
    pub(crate) fn is_on_the_path_of(self, function: &FaultyFunction) -> bool {
        match self.path() {
            Path::Postgres => function.postgres,
            Path::S3 => function.s3,
            Path::S3Writes => function.writes,
            Path::Application => function.change == Change::Notifies,
            Path::Any => true,
        }
    }

    /// Starts the function and sends its event during the fault. Faults that persist are cleared
    /// afterwards by the caller.
    pub(crate) async fn run(self, world: &mut World) -> (InvocationResult, Duration) {
        let delay = world.function.deadline + Duration::from_secs(1);
        let busy = busy().await;
        match self {
            // Present from the beginning: init meets the fault first.
            Self::PostgresRefused => {
                world.s3.open();
                world.application.iter().for_each(Application::open);
                world.start().await;
            }
            Self::S3Refused => {
                world.postgres.open();
                world.start().await;
            }
            Self::ApplicationRefused => {
                world.postgres.open();
                if let Some(application) = &world.application {
                    application.sqs.open();
                }
                world.start().await;
            }
            Self::PostgresSilentAtConnect => {
                world.postgres.set(TcpFault::Blackhole);
                world.start_well().await;
            }
            _ => {
                world.start_well().await;
                world.warm_up().await;
            }
        }
        match self {
            Self::PostgresSilent => world.postgres.set(TcpFault::Blackhole),
            Self::PostgresLate => world.postgres.set(TcpFault::Delay(delay)),
            Self::PostgresCut => world.postgres.set(TcpFault::LoseRequest(b"BEGIN")),
            Self::PostgresAnswerLost => world.postgres.set(TcpFault::LoseResponse(b"COMMIT\0")),
            Self::PostgresHalfClosed => world.postgres.half_close(),
            Self::PostgresTerminated => world.terminate_backends().await,
            Self::S3Internal => world.s3.respond(|_, _| Some(error(500, "InternalError"))),
            Self::S3SlowDownOnce => {
                let done = AtomicBool::new(false);
                world.s3.respond(move |_, _| {
                    let first = !done.swap(true, Ordering::SeqCst);
                    first.then(|| error(503, "SlowDown"))
                });
            }
            Self::S3SlowDown => world.s3.respond(|_, _| Some(error(503, "SlowDown"))),
            Self::S3Reset => world.s3.fail(|_, _| Some(HttpFault::Reset)),
            Self::S3AnswersLost => world.s3.fail(|line, _| {
                let reads = line.starts_with("GET ") || line.starts_with("HEAD ");
                (!reads).then_some(HttpFault::LoseResponse)
            }),
            Self::S3Silent => world.s3.fail(|_, _| Some(HttpFault::Stall)),
            Self::S3SilentWithin => world.s3.fail(|_, _| Some(HttpFault::HoldHalfResponse)),
            Self::ApplicationInternal
            | Self::ApplicationReset
            | Self::ApplicationAnswersLost
            | Self::ApplicationSilent
            | Self::QueueInternal
            | Self::QueueAnswersLost => self.set(world.application.as_ref().expect("one")),
            Self::FrozenBetween => {
                world.signal(Signal::STOP);
                world.terminate_backends().await;
                world.signal(Signal::CONT);
            }
            _ => {}
        }
        drop(busy);
        let started = Instant::now();
        let outcome = match self {
            Self::FrozenDuring => frozen_during(world).await,
            Self::PostgresLocked => {
                // The lock is held until the outcome is known, and released with the connection.
                let _holder = world.lock().await;
                world.invoke(self.deadline(world.function)).await
            }
            _ => world.invoke(self.deadline(world.function)).await,
        };
        (outcome, started.elapsed())
    }
}

impl Fault {
    /// Sets a fault of the application or of the queue.
    fn set(self, of: &Application) {
        let proxy = match self {
            Self::QueueInternal | Self::QueueAnswersLost => &of.sqs,
            _ => &of.webhook,
        };
        let fault = match self {
            Self::ApplicationInternal | Self::QueueInternal => {
                HttpFault::Respond(500, String::new())
            }
            Self::ApplicationReset => HttpFault::Reset,
            Self::ApplicationSilent => HttpFault::Stall,
            _ => HttpFault::LoseResponse,
        };
        proxy.fail(move |_, _| Some(fault.clone()));
    }
}

/// A status and a body of S3.
fn error(status: u16, code: &str) -> (u16, String) {
    (status, format!("<Error><Code>{code}</Code></Error>"))
}

/// Freezes the function at its first step, or, if it has no steps, when the request arrives.
async fn frozen_during(world: &World) -> InvocationResult {
    let steps = &world.steps;
    let has_steps = world.function.postgres || world.function.s3;
    steps.begin(Some(Hold::At(1)));
    let freeze = async {
        if has_steps {
            steps.held().await;
            world.signal(Signal::STOP);
        }
        world.terminate_backends().await;
        tokio::time::sleep(FROZEN).await;
        steps.release();
        world.signal(Signal::CONT);
    };
    if !has_steps {
        world.signal(Signal::STOP);
    }
    tokio::join!(world.invoke(AMPLE), freeze).0
}
