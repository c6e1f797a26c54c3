//! Running one statement for one user: a round trip, a deadline, one retry.

use std::time::Duration;

use futures_util::future::join4;
use slipway_core::{FileId, UserId};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::Db;
use crate::failure::Failure;
use crate::session::Session;

/// A statement, and the parameters that follow the caller's `$1`.
pub(crate) struct Statement<'a> {
    /// Its text: `user_id = $1` is spelled so wherever it asks for the caller's rows.
    pub(crate) sql: &'static str,
    pub(crate) params: &'a [(&'a (dyn ToSql + Sync), Type)],
    /// The file that no other such statement may add, change or drop meanwhile.
    pub(crate) lock: Option<FileId>,
}

/// Local to the transaction, so that poolers hand nothing on. The time limits come first: they hold for
/// the wait for the lock as well.
const SETTINGS: &str = "\
    SELECT set_config('statement_timeout', $2, true), \
           set_config('lock_timeout', $2, true), \
           set_config('idle_in_transaction_session_timeout', $2, true), \
           set_config('role', 'slipway_app', true), \
           set_config('app.user_id', $1, true)";

/// The same, and the lock on a file: taken before the statement, which then sees what its predecessor did.
const SETTINGS_AND_LOCK: &str = "\
    SELECT set_config('statement_timeout', $2, true), \
           set_config('lock_timeout', $2, true), \
           set_config('idle_in_transaction_session_timeout', $2, true), \
           set_config('role', 'slipway_app', true), \
           set_config('app.user_id', $1, true), \
           pg_advisory_xact_lock(hashtextextended('slipway file ' || $3, 0))";

impl Db {
    /// Runs `statement` for `user`; once more on a new connection if the first attempt broke.
    ///
    /// Every statement is safe to repeat, since a lost answer may be that of a COMMIT.
    pub(crate) async fn run(
        &self,
        user: &UserId,
        statement: &Statement<'_>,
    ) -> Result<Vec<Row>, Failure> {
        let _wait = self.clock.wait();
        let deadline = Instant::now() + self.config.limits.call;
        let attempts = async {
            let mut slot = self.session.lock().await;
            match self.attempt(&mut slot, user, statement).await {
                Err(failure) if failure.is_transient() => {
                    tracing::debug!(reason = %failure, "trying once more");
                    self.attempt(&mut slot, user, statement).await
                }
                result => result,
            }
        };
        timeout_at(deadline, attempts)
            .await
            .unwrap_or(Err(Failure::Timeout("waiting for Postgres")))
    }

    async fn attempt(
        &self,
        slot: &mut Option<Session>,
        user: &UserId,
        statement: &Statement<'_>,
    ) -> Result<Vec<Row>, Failure> {
        let session = match slot.take().filter(Session::is_usable) {
            Some(session) => session,
            None => self.connect().await?,
        };
        let limit = self.config.limits.statement;
        let result = timeout_at(
            Instant::now() + limit,
            transact(&session, user, statement, limit),
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
    user: &UserId,
    statement: &Statement<'_>,
    limit: Duration,
) -> Result<Vec<Row>, Failure> {
    let client = &session.client;
    let (user, limit) = (user.as_str(), limit.as_millis().to_string());
    let lock = statement.lock.map(|id| id.to_string());
    let mut settings: Vec<(&(dyn ToSql + Sync), Type)> =
        vec![(&user, Type::TEXT), (&limit, Type::TEXT)];
    let mut settings_sql = SETTINGS;
    if let Some(lock) = &lock {
        settings.push((lock, Type::TEXT));
        settings_sql = SETTINGS_AND_LOCK;
    }
    let mut params: Vec<(&(dyn ToSql + Sync), Type)> = vec![(&user, Type::TEXT)];
    params.extend_from_slice(statement.params);
    // Each sends when it is first polled, and `join4` polls in this order (`tokio::join!` does not).
    let (begin, settings, rows, commit) = join4(
        client.batch_execute("BEGIN"),
        client.execute_typed(settings_sql, &settings),
        client.query_typed(statement.sql, &params),
        client.batch_execute("COMMIT"),
    )
    .await;
    // COMMIT answers well even after an error: the first error is the cause.
    begin?;
    settings?;
    let rows = rows?;
    commit?;
    Ok(rows)
}
