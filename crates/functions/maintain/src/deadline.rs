//! The deadline of a run: a point in time, or a request to stop.

use std::time::{Duration, SystemTime};

use slipway_api::emulator;
use slipway_core::deadline::time_left;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// The part of the invocation's time that is reserved for the checkpoint and the response.
const RESERVE: Duration = Duration::from_secs(5);

/// The part that is reserved for the response alone. A run stops before it, unless Postgres or S3
/// does not respond.
const LAST_WORD: Duration = Duration::from_secs(1);

/// A request to stop, such as a signal to the process.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Stop {
    /// Requests the stop.
    pub fn request(&self) {
        self.0.send_replace(true);
    }

    /// Returns `true` after [`Stop::request`].
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    async fn requested(&self) {
        let mut receiver = self.0.subscribe();
        // This fails only after the sender is dropped, and `self` holds the sender.
        let _ = receiver.wait_for(|requested| *requested).await;
    }
}

/// The time by which a run stops. A run from the command line has none, but the operator can stop
/// it.
#[derive(Clone, Copy, Debug)]
pub struct Deadline<'a> {
    end: Option<Instant>,
    stop: Option<&'a Stop>,
}

impl<'a> Deadline<'a> {
    /// No deadline.
    pub const NEVER: Self = Self {
        end: None,
        stop: None,
    };

    /// The run stops when `stop` is requested.
    #[must_use]
    pub const fn at(stop: &'a Stop) -> Self {
        Self {
            end: None,
            stop: Some(stop),
        }
    }

    /// A deadline `time` from now.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self {
            end: Some(Instant::now() + time),
            stop: None,
        }
    }

    /// A deadline before the end of the invocation, with time left to write the checkpoint.
    #[must_use]
    pub fn of(context: &lambda_runtime::Context) -> Self {
        Self::keeping(RESERVE, context)
    }

    /// The last time at which a response can be sent, even if the run has not finished.
    pub(crate) fn last_of(context: &lambda_runtime::Context) -> Self {
        Self::keeping(LAST_WORD, context)
    }

    fn keeping(reserve: Duration, context: &lambda_runtime::Context) -> Self {
        let now = SystemTime::now();
        Self::after(time_left(emulator::deadline_ms(context, now), now, reserve))
    }

    /// Halfway between now and this deadline.
    pub(crate) fn half(self) -> Self {
        let end = self.end.map(|end| {
            let now = Instant::now();
            now + end.saturating_duration_since(now) / 2
        });
        Self { end, ..self }
    }

    pub(crate) fn has_passed(self) -> bool {
        self.end.is_some_and(|end| end <= Instant::now())
            || self.stop.is_some_and(Stop::is_requested)
    }

    /// Returns the result of `work`, or `None` if the deadline passes first. Then `work` is
    /// dropped.
    pub(crate) async fn limit<T>(self, work: impl Future<Output = T>) -> Option<T> {
        let work = async {
            match self.end {
                Some(end) => timeout_at(end, work).await.ok(),
                None => Some(work.await),
            }
        };
        let Some(stop) = self.stop else {
            return work.await;
        };
        tokio::select! {
            biased;
            () = stop.requested() => None,
            done = work => done,
        }
    }
}
