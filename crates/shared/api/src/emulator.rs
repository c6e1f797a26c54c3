//! The differences between `cargo lambda watch` and Lambda with API Gateway. No other product code
//! handles them.
//!
//! The functions run under the emulator unchanged, with one exception that is normalised here: it
//! sends a deadline in 1970. Lambda sends the end of the invocation, so a function that trusted the
//! emulator's deadline would have no time at all.
//!
//! The other differences need no code of ours, because API Gateway and function URLs send such
//! events as well:
//!
//! - It writes payload 2.0 with a second method, `httpMethod`, which is not always the request's.
//!   The method of 2.0 is `requestContext.http.method`, and only that is read.
//! - It names no route and does not decode the path, as function URLs do.
//! - It has no authorizer. Configure a key, as the local stack does.
//!
//! A function cannot correct the following differences. The emulator answers a body that is not
//! UTF-8 with a 500 of its own. Its CORS headers allow every origin. Its control plane is open on
//! the same port. The request header `lambda-runtime-client-context` reaches the runtime, which
//! exits if it is not JSON.

use std::time::{Duration, SystemTime};

use lambda_runtime::Context;

/// The end of 1970 in Unix milliseconds: no invocation of Lambda ended earlier.
const EMULATED: u64 = 365 * 24 * 3600 * 1000;

/// The time limit of an invocation under the emulator: API Gateway's timeout.
const TIME: Duration = Duration::from_secs(30);

/// The end of the invocation in Unix milliseconds, as Lambda would have sent it.
#[must_use]
pub fn deadline_ms(context: &Context, now: SystemTime) -> u64 {
    if context.deadline >= EMULATED {
        return context.deadline;
    }
    let now = now.duration_since(SystemTime::UNIX_EPOCH);
    let end = (now.unwrap_or_default() + TIME).as_millis();
    u64::try_from(end).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_deadline_in_1970_is_replaced() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        for (sent, expected) in [
            (0, 1_700_000_030_000),
            (600_000, 1_700_000_030_000),
            (1_700_000_003_000, 1_700_000_003_000),
            // Over, and so over.
            (1_699_999_999_000, 1_699_999_999_000),
        ] {
            let mut context = Context::default();
            context.deadline = sent;
            assert_eq!(deadline_ms(&context, now), expected, "{sent}");
        }
    }
}
