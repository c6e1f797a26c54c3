//! The time limits and the retry policy of requests to S3, for our client and for the SDK.

use std::time::Duration;

use aws_sdk_s3::config::interceptors::InterceptorContext;
use aws_sdk_s3::config::retry::{ClassifyRetry, RetryAction, RetryConfig};
use aws_sdk_s3::config::timeout::TimeoutConfig;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::error::{Outlook, outlook};

/// The limit for opening a connection, TLS included.
pub(crate) const CONNECT: Duration = Duration::from_secs(2);
/// The limit for one attempt, from the first byte sent to the last byte read.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(4);
/// The limit for all attempts. A function has at most 30 s, and Postgres needs a part of them.
pub(crate) const OPERATION: Duration = Duration::from_secs(10);
/// The time limits of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For one attempt.
    pub(crate) attempt: Duration,
    /// For all attempts.
    pub(crate) operation: Duration,
}

impl Limits {
    /// The limits of every request that S3 answers at once.
    pub(crate) const USUAL: Self = Self {
        attempt: ATTEMPT,
        operation: OPERATION,
    };

    /// For a request that S3 may work on for as long as the caller can wait. An attempt without a
    /// response is not repeated, because S3 may still work on it.
    pub(crate) const fn of_one_attempt(limit: Duration) -> Self {
        Self {
            attempt: limit,
            operation: limit,
        }
    }
}

/// The first attempt and two retries.
pub(crate) const ATTEMPTS: u32 = 3;
/// The longest pause before the first retry. It doubles with each retry.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The pause after `attempts` attempts: a random part of the longest one, so that requests that
/// failed together are not repeated together.
pub(crate) fn pause(attempts: u32) -> Duration {
    // Without a random number the pause is the longest one.
    let mut random = [u8::MAX];
    let _ = SystemRandom::new().fill(&mut random);
    let longest = FIRST_PAUSE * 2_u32.saturating_pow(attempts - 1);
    longest * u32::from(random[0]) / u32::from(u8::MAX)
}

/// The same limits as settings of the SDK. Its HTTP client has the limit for connections.
pub(crate) fn sdk_timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(OPERATION)
        .build()
}

/// The same attempts and pauses as settings of the SDK.
pub(crate) fn sdk_retries() -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(FIRST_PAUSE)
}

/// Lets the SDK retry each status that our client retries. The SDK reads the codes itself.
#[derive(Debug)]
pub(crate) struct SdkClassifier;

impl ClassifyRetry for SdkClassifier {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let status = context
            .response()
            .map(|response| response.status().as_u16());
        match status.map(|status| outlook(status, None)) {
            Some(Outlook::Retry) => RetryAction::transient_error(),
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "slipway status"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pause_is_a_part_of_a_doubled_one() {
        for _ in 0..100 {
            assert!(pause(1) <= Duration::from_secs(1));
            assert!(pause(2) <= Duration::from_secs(2));
        }
        let pauses: Vec<_> = (0..64).map(|_| pause(1)).collect();
        assert!(pauses.iter().any(|other| *other != pauses[0]), "{pauses:?}");
    }
}
