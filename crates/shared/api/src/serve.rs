//! One request, from the event to the answer: authenticate, run, log once.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use futures_util::FutureExt as _;
use lambda_runtime::{Context, LambdaEvent, service_fn};
use serde_json::value::RawValue;
use slipway_core::deadline::time_left;
use slipway_core::{Error, Spent};
use tracing::Instrument as _;

use crate::emulator;
use crate::event::Event;
use crate::identity::Identity;
use crate::line::Line;
use crate::reply::{self, Reply};
use crate::request::Request;

/// API Gateway's HTTP APIs time out after 30 s. A function with a later deadline must still answer
/// before that.
const GATEWAY_LIMIT: Duration = Duration::from_secs(29);

/// The part of that limit that a cold start may have used, because the request that causes it waits
/// for it. Reading the secret may take 3 s, and connecting to Postgres 4 s.
const COLD_START: Duration = Duration::from_secs(8);

/// Reserved from the time that Lambda gives, for writing the response.
const RESERVE: Duration = Duration::from_millis(500);

/// Handles authenticated requests.
pub trait Function: Sync {
    /// The time that this process has waited for its stores since its start. A function without
    /// stores keeps the default.
    fn spent(&self) -> Spent {
        Spent::default()
    }

    /// The rule. Faults become 5xx without details; everything else is the client's to read.
    fn handle(&self, request: &Request) -> impl Future<Output = Result<Reply, Error>> + Send;
}

/// Answers requests until Lambda stops the process.
pub async fn serve(
    function: &impl Function,
    identity: &Identity,
) -> Result<(), lambda_runtime::Error> {
    let one = async |event: LambdaEvent<Box<RawValue>>| {
        // Boxed, since the compiler does not follow futures nested this deep.
        Box::pin(answer(function, identity, &event.payload, &event.context)).await
    };
    lambda_runtime::run(service_fn(one)).await
}

/// Answers one request. Fails only if the event is not a request.
pub async fn answer(
    function: &impl Function,
    identity: &Identity,
    event: &RawValue,
    context: &Context,
) -> Result<Box<RawValue>, lambda_runtime::Error> {
    static WARM: AtomicBool = AtomicBool::new(false);
    let cold_start = !WARM.swap(true, Ordering::Relaxed);
    let mut line = Line::start(cold_start, context, function.spent());
    let event = Event::read(event).inspect_err(|error| line.unread(error))?;
    let origin = event.origin;
    line.method(&event.method);
    let now = SystemTime::now();
    let budget = budget(emulator::deadline_ms(context, now), now, cold_start);

    let result = match identity.user(&event) {
        // Authenticate before the path or the body is examined.
        Err(error) => Err(error),
        Ok(user) => {
            line.by(&user);
            let request = Request::new(user, event, Instant::now() + budget);
            line.route = request.route_name();
            // Unwinding is safe here. An interrupted resource, above all the connection to
            // Postgres, is dropped by its owner and recreated.
            let handled = async {
                request.check_lengths()?;
                function.handle(&request).await
            };
            let handled = AssertUnwindSafe(handled)
                .catch_unwind()
                .instrument(line.span.clone());
            let result = match tokio::time::timeout(budget, handled).await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(Error::internal("handle the request", "a bug made it panic")),
                Err(_) => Err(Error::timeout(
                    "the function did not finish before its deadline",
                )),
            };
            line.files = request.files();
            result
        }
    };
    let result = result.and_then(Reply::checked);
    line.log(&result, function.spent());
    let (status, body) = match result {
        Ok(reply) => (reply.status(), reply.into_body()),
        Err(error) => (
            reply::status(error.code()),
            reply::failure(&error, &context.request_id)?,
        ),
    };
    Ok(body.into_answer(status, origin)?)
}

/// The time left for the function: until shortly before Lambda or API Gateway would time out.
fn budget(deadline_ms: u64, now: SystemTime, cold_start: bool) -> Duration {
    let gateway = if cold_start {
        GATEWAY_LIMIT.saturating_sub(COLD_START)
    } else {
        GATEWAY_LIMIT
    };
    time_left(deadline_ms, now, Duration::ZERO)
        .min(gateway)
        .saturating_sub(RESERVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_ends_before_lambda_and_api_gateway_do() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let check = |deadline_ms, cold_start, expected_ms| {
            let expected = Duration::from_millis(expected_ms);
            assert_eq!(budget(deadline_ms, now, cold_start), expected);
        };
        check(103_000, false, 2500);
        check(160_000, false, 28_500);
        check(160_000, true, 20_500);
        check(99_000, false, 0);
    }
}
