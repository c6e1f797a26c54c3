//! When a run must have stopped: at a moment, or when it is told to.

use std::time::{Duration, SystemTime};

use slipway_api::emulator;
use slipway_core::deadline::time_left;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// Kept of the time that Lambda gives: the checkpoint and the answer must still be written.
const RESERVE: Duration = Duration::from_secs(5);

/// Kept for the answer alone. A run stops by itself before, unless Postgres or S3 holds it up.
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
    /// Requests it.
    pub fn request(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was requested.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    async fn requested(&self) {
        let mut receiver = self.0.subscribe();
        // It fails only once the sender is gone, which `self` holds.
        let _ = receiver.wait_for(|requested| *requested).await;
    }
}

/// The moment by which a run stops. By hand there is none, but a person may stop it.
#[derive(Clone, Copy, Debug)]
pub struct Deadline<'a> {
    end: Option<Instant>,
    stop: Option<&'a Stop>,
}

impl<'a> Deadline<'a> {
    /// None.
    pub const NEVER: Self = Self {
        end: None,
        stop: None,
    };

    /// When `stop` is requested.
    #[must_use]
    pub const fn at(stop: &'a Stop) -> Self {
        Self {
            end: None,
            stop: Some(stop),
        }
    }

    /// This much from now.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self {
            end: Some(Instant::now() + time),
            stop: None,
        }
    }

    /// Before the invocation ends, with time to write the checkpoint.
    #[must_use]
    pub fn of(context: &lambda_runtime::Context) -> Self {
        Self::keeping(RESERVE, context)
    }

    /// The last moment for an answer, whatever has not finished.
    pub(crate) fn last_of(context: &lambda_runtime::Context) -> Self {
        Self::keeping(LAST_WORD, context)
    }

    fn keeping(reserve: Duration, context: &lambda_runtime::Context) -> Self {
        let now = SystemTime::now();
        Self::after(time_left(emulator::deadline_ms(context, now), now, reserve))
    }

    /// Half way to it.
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

    /// The result of `work`, unless the deadline comes first: then `work` is dropped where it is.
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
