//! The time that an invocation has.

use std::time::{Duration, SystemTime};

/// The time from `now` until `deadline_ms`, a Unix time as Lambda tells it, less `reserve`, which the answer needs.
///
/// `None` for a moment that has passed: the local emulator tells one in 1970, which is no deadline at all.
#[must_use]
pub fn time_left(deadline_ms: u64, now: SystemTime, reserve: Duration) -> Option<Duration> {
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Duration::from_millis(deadline_ms)
        .checked_sub(now)
        .map(|left| left.saturating_sub(reserve))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESERVE: Duration = Duration::from_secs(1);

    #[test]
    fn the_reserve_is_kept_and_the_past_is_no_deadline() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let left = |deadline_ms| time_left(deadline_ms, now, RESERVE);
        assert_eq!(left(103_000), Some(Duration::from_secs(2)));
        assert_eq!(left(100_500), Some(Duration::ZERO));
        assert_eq!(left(99_999), None);
        assert_eq!(left(0), None);
    }
}
