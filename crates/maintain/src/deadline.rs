//! When a run must have stopped.

use std::time::{Duration, SystemTime};

use slipway_api::emulator;
use slipway_core::deadline::time_left;
use tokio::time::{Instant, timeout_at};

/// Kept of the time that Lambda gives: the checkpoint and the answer must still be written.
const RESERVE: Duration = Duration::from_secs(5);

/// Kept for the answer alone. A run stops of itself before, unless Postgres or S3 holds it up.
const LAST_WORD: Duration = Duration::from_secs(1);

/// The moment by which a run stops; by hand there is none.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// None.
    pub const NEVER: Self = Self(None);

    /// This much from now.
    #[must_use]
    pub fn after(time: Duration) -> Self {
        Self(Some(Instant::now() + time))
    }

    /// Before the invocation ends, with time to write down how far the run came.
    #[must_use]
    pub fn of(context: &lambda_runtime::Context) -> Self {
        Self::keeping(RESERVE, context)
    }

    /// The last moment for an answer, whatever does not come to its end.
    pub(crate) fn last_of(context: &lambda_runtime::Context) -> Self {
        Self::keeping(LAST_WORD, context)
    }

    fn keeping(reserve: Duration, context: &lambda_runtime::Context) -> Self {
        let now = SystemTime::now();
        Self::after(time_left(emulator::deadline_ms(context, now), now, reserve))
    }

    /// Half way to it.
    pub(crate) fn half(self) -> Self {
        Self(self.0.map(|end| {
            let now = Instant::now();
            now + end.saturating_duration_since(now) / 2
        }))
    }

    pub(crate) fn has_passed(self) -> bool {
        self.0.is_some_and(|end| end <= Instant::now())
    }

    /// What `work` answers, unless the deadline comes first: then `work` is dropped where it is.
    pub(crate) async fn limit<T>(self, work: impl Future<Output = T>) -> Option<T> {
        match self.0 {
            Some(end) => timeout_at(end, work).await.ok(),
            None => Some(work.await),
        }
    }
}
