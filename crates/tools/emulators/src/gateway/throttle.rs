//! Throttling with a token bucket, as API Gateway documents it: a burst that is refilled at a rate.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// `ThrottlingRateLimit` and `ThrottlingBurstLimit`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttle {
    /// Requests per second in the long run.
    pub rate: f64,
    /// The size of the burst.
    pub burst: u32,
}

/// The tokens that are left.
#[derive(Debug)]
pub(super) struct TokenBucket {
    limit: Throttle,
    tokens: f64,
    at: Option<Instant>,
}

impl TokenBucket {
    pub(super) fn new(limit: Throttle) -> Self {
        Self {
            limit,
            tokens: f64::from(limit.burst),
            at: None,
        }
    }

    /// Takes a token. Returns false if there is none.
    pub(super) fn take(bucket: &Mutex<Self>, now: Instant) -> bool {
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let since = bucket
            .at
            .map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        let refilled = since.mul_add(bucket.limit.rate, bucket.tokens);
        bucket.tokens = refilled.min(f64::from(bucket.limit.burst));
        bucket.at = Some(now);
        let there = bucket.tokens >= 1.0;
        if there {
            bucket.tokens -= 1.0;
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_is_refilled_at_its_rate() {
        let limit = Throttle {
            rate: 2.0,
            burst: 2,
        };
        let (bucket, start) = (Mutex::new(TokenBucket::new(limit)), Instant::now());
        let at = |ms| TokenBucket::take(&bucket, start + Duration::from_millis(ms));
        assert_eq!([at(0), at(0), at(0)], [true, true, false]);
        assert_eq!([at(500), at(500)], [true, false]);
        assert_eq!([at(60_000), at(60_000), at(60_000)], [true, true, false]);
    }
}
