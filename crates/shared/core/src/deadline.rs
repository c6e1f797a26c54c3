//! The time that an invocation has.

use std::time::{Duration, SystemTime};

/// The time from `now` until `deadline_ms`, a Unix time as Lambda sends it, less `reserve`, which
/// the response needs.
#[must_use]
pub fn time_left(deadline_ms: u64, now: SystemTime, reserve: Duration) -> Duration {
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    Duration::from_millis(deadline_ms)
        .saturating_sub(now)
        .saturating_sub(reserve)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESERVE: Duration = Duration::from_secs(1);

    #[test]
    fn the_reserve_is_kept_and_nothing_is_left_after_the_deadline() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let left = |deadline_ms| time_left(deadline_ms, now, RESERVE);
        assert_eq!(left(103_000), Duration::from_secs(2));
        assert_eq!(left(100_500), Duration::ZERO);
        assert_eq!(left(99_999), Duration::ZERO);
        assert_eq!(left(0), Duration::ZERO);
    }
}
