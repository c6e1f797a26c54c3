//! When an event is tried again.

use std::time::Duration;

use uuid::Uuid;

/// The delay after the first attempt.
const FIRST: Duration = Duration::from_secs(5);

/// Each delay is so many times longer than the one before.
const FACTOR: u32 = 4;

/// The longest delay.
const LONGEST: Duration = Duration::from_hours(1);

/// The time after the first attempt in which an event is retried.
pub(crate) const RETRIES: Duration = Duration::from_hours(24);

/// The delay after the failed `attempt` of an event, counted from 1: 5 s, 20 s, 80 s, and so on.
///
/// Up to a fifth is added, so that events that failed together are not all tried again at once. The
/// part depends on the event and the attempt, so it needs no source of randomness.
pub(crate) fn delay(event: Uuid, attempt: u32) -> Duration {
    let exponent = attempt.saturating_sub(1).min(8);
    let plain = (FIRST * FACTOR.pow(exponent)).min(LONGEST);
    // The last bits of a UUID are random. A multiplication by an odd constant gives each attempt
    // other bits.
    let bits = (event.as_u128() ^ u128::from(attempt))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let part = f64::from(u32::try_from(bits >> 96).unwrap_or_default()) / f64::from(u32::MAX);
    plain.mul_f64(1.0 + part / 5.0).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn delays_grow_fourfold_to_an_hour(id in any::<u128>(), attempt in 1..200_u32) {
            let delay = delay(Uuid::from_u128(id), attempt);
            let plain = [5, 20, 80, 320, 1280];
            let at = usize::try_from(attempt - 1).expect("small");
            let plain = Duration::from_secs(plain.get(at).copied().unwrap_or(3600));
            prop_assert!(delay >= plain && delay <= plain.mul_f64(1.2).min(LONGEST), "{delay:?}");
        }
    }

    #[test]
    fn events_that_failed_together_are_spread() {
        for attempt in 1..=5 {
            let delays: Vec<Duration> = (0..100).map(|_| delay(Uuid::now_v7(), attempt)).collect();
            let (first, last) = (delays.iter().min(), delays.iter().max());
            let spread = last.expect("some").abs_diff(*first.expect("some"));
            let plain = FIRST * FACTOR.pow(attempt - 1);
            assert!(spread > plain / 10, "{attempt}: {spread:?}");
        }
    }
}
