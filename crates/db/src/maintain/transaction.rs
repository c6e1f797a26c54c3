//! Running statements as `slipway_maintain`: one transaction, one round trip, one retry.

use futures_util::future::{join_all, join4};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::Db;
use crate::failure::Failure;
use crate::session::Session;

/// A statement and its parameters.
pub(super) type Step<'a> = (&'static str, &'a [(&'a (dyn ToSql + Sync), Type)]);

/// Local to the transaction, as for a user's statement, and no user is named.
const SETTINGS: &str = "\
    SELECT set_config('statement_timeout', $1, true), \
           set_config('lock_timeout', $1, true), \
           set_config('idle_in_transaction_session_timeout', $1, true), \
           set_config('role', 'slipway_maintain', true), \
           set_config('app.user_id', '', true)";

impl Db {
    /// Runs `steps` in one transaction, and answers the rows of the last; all of it once more on a new connection
    /// if the first attempt broke. So all of it is safe to repeat.
    pub(super) async fn run_maintain(&self, steps: &[Step<'_>]) -> Result<Vec<Row>, Failure> {
        let _wait = self.clock.wait();
        let deadline = Instant::now() + self.config.limits.call;
        let attempts = async {
            let mut slot = self.session.lock().await;
            match self.attempt_maintain(&mut slot, steps).await {
                Err(failure) if failure.is_transient() => {
                    tracing::debug!(reason = %failure, "trying once more");
                    self.attempt_maintain(&mut slot, steps).await
                }
                result => result,
            }
        };
        timeout_at(deadline, attempts)
            .await
            .unwrap_or(Err(Failure::Timeout("waiting for Postgres")))
    }

    async fn attempt_maintain(
        &self,
        slot: &mut Option<Session>,
        steps: &[Step<'_>],
    ) -> Result<Vec<Row>, Failure> {
        let session = match slot.take().filter(Session::is_usable) {
            Some(session) => session,
            None => self.connect().await?,
        };
        let limit = self.config.limits.statement;
        let result = timeout_at(
            Instant::now() + limit,
            transact(&session, steps, limit.as_millis().to_string()),
        )
        .await
        .unwrap_or(Err(Failure::Timeout("running a statement")));
        if result.as_ref().err().is_none_or(Failure::leaves_connection) {
            *slot = Some(session);
        }
        result
    }
}

async fn transact(
    session: &Session,
    steps: &[Step<'_>],
    limit: String,
) -> Result<Vec<Row>, Failure> {
    let client = &session.client;
    // Each sends when it is first polled, which happens in this order.
    let (begin, settings, answers, commit) = join4(
        client.batch_execute("BEGIN"),
        client.execute_typed(SETTINGS, &[(&limit, Type::TEXT)]),
        join_all(
            steps
                .iter()
                .map(|(sql, params)| client.query_typed(sql, params)),
        ),
        client.batch_execute("COMMIT"),
    )
    .await;
    // COMMIT answers well even after an error: the first error is the cause.
    begin?;
    settings?;
    let mut last = Vec::new();
    for rows in answers {
        last = rows?;
    }
    commit?;
    Ok(last)
}
