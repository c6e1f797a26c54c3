//! One request, from the event to the answer: authenticate, run, log once.

use std::future::ready;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use futures_util::FutureExt as _;
use lambda_http::{Body, IntoResponse, RequestExt as _, Response, service_fn};
use slipway_core::Error;
use slipway_core::deadline::time_left;

use crate::identity::Identity;
use crate::line::Line;
use crate::reply::{self, Reply};
use crate::request::Request;

/// API Gateway's HTTP APIs give up after 30 s; a function whose deadline is later still answers before that.
const GATEWAY_LIMIT: Duration = Duration::from_secs(29);

/// What the start of an environment may have taken of that: a request that starts one has waited for it. The secret
/// may take 3 s of it, and Postgres 4.
const COLD_START: Duration = Duration::from_secs(8);

/// Kept of the time that Lambda gives, for writing the answer.
const RESERVE: Duration = Duration::from_millis(500);

/// What a function does with an authenticated request.
pub trait Function: Sync {
    /// What this environment has waited for so far, from its start on; nothing for a function that asks nobody.
    fn spent(&self) -> Spent {
        Spent::default()
    }

    /// The rule. Faults become 5xx without details; everything else is the client's to read.
    fn handle(&self, request: &Request) -> impl Future<Output = Result<Reply, Error>> + Send;
}

/// How long others were waited for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// S3.
    pub s3: Duration,
    /// Postgres.
    pub postgres: Duration,
}

/// Answers requests until Lambda stops the process.
pub async fn serve(
    function: &impl Function,
    identity: &Identity,
) -> Result<(), lambda_http::Error> {
    lambda_http::run(service_fn(async |request| {
        Ok::<_, lambda_http::Error>(Text(answer(function, identity, request).await))
    }))
    .await
}

/// An answer whose body is UTF-8 already.
///
/// `lambda_http` would look at its type, go through the body once more, and link the tables of every legacy
/// encoding, which are a fifteenth of the smallest function.
struct Text(Response<Body>);

impl IntoResponse for Text {
    fn into_response(self) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        Box::pin(ready(self.0))
    }
}

/// The answer to one request, whatever happens.
pub async fn answer(
    function: &impl Function,
    identity: &Identity,
    request: lambda_http::Request,
) -> Response<Body> {
    static WARM: AtomicBool = AtomicBool::new(false);
    let mut line = Line::start(!WARM.swap(true, Ordering::Relaxed), function.spent());
    let context = request.lambda_context_ref();
    if let Some(context) = context {
        line.in_context(context);
    }
    let budget = budget(
        context.map_or(0, |context| context.deadline),
        line.cold_start,
    );
    line.method(request.method());

    let result = match identity.user(&request) {
        // Before anything else is looked at, be it the path or the body.
        Err(error) => Err(error),
        Ok(user) => {
            line.by(&user);
            let request = Request::new(user, request, Instant::now() + budget);
            line.route = request.route_name();
            // Unwinding is safe to cross: what a panic interrupts, the connection to Postgres above all,
            // is dropped by its owner and made anew.
            let handled = AssertUnwindSafe(function.handle(&request)).catch_unwind();
            match tokio::time::timeout(budget, handled).await {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(Error::internal("handle the request", "a bug made it panic")),
                Err(_) => Err(Error::timeout(
                    "the function did not finish before its deadline",
                )),
            }
        }
    };
    line.log(&result, function.spent());
    match result {
        Ok(reply) => reply.into_response(),
        Err(error) => reply::failure(&error, &line.request_id),
    }
}

/// How long the function may take: until shortly before Lambda or API Gateway would cut it off.
///
/// The local emulator sets a deadline in 1970, which is none.
fn budget(deadline_ms: u64, cold_start: bool) -> Duration {
    let gateway = if cold_start {
        GATEWAY_LIMIT.saturating_sub(COLD_START)
    } else {
        GATEWAY_LIMIT
    };
    time_left(deadline_ms, SystemTime::now(), Duration::ZERO)
        .map_or(gateway, |left| left.min(gateway))
        .saturating_sub(RESERVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_in_the_past_is_none() {
        assert_eq!(budget(0, false), Duration::from_millis(28_500));
        assert_eq!(budget(1000, true), Duration::from_millis(20_500));
    }

    #[test]
    fn the_budget_ends_before_lambda_does() {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("after 1970");
        let in_3s = u64::try_from((now + Duration::from_secs(3)).as_millis()).expect("fits");
        let left = budget(in_3s, false);
        assert!(
            left <= Duration::from_millis(2500) && left > Duration::from_millis(2300),
            "{left:?}"
        );
    }
}
