//! Runs statements in one transaction: one round trip, one deadline, one retry.

use futures_util::future::{join_all, join4};
use slipway_core::{FileId, UserId};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::Db;
use crate::failure::Failure;
use crate::session::Session;

/// A value and its type. The type is given here, so that the client does not have to query the
/// server for it.
pub(crate) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// A statement and its parameters.
pub(crate) type Step<'a> = (&'static str, &'a [Param<'a>]);

/// A statement for one user, and the parameters that follow the caller's `$1`.
pub(crate) struct Statement<'a> {
    /// Its text. Every filter on the caller's rows is spelled exactly `user_id = $1`.
    pub(crate) sql: &'static str,
    pub(crate) params: &'a [Param<'a>],
    /// The file that no other statement with this lock may add, change or drop at the same time.
    pub(crate) lock: Option<FileId>,
}

/// Local to the transaction, so that poolers do not carry the settings over to the next client. The
/// time limits come first, so that they also apply to the wait for the lock.
///
/// The lock timeout is four fifths of the statement timeout. Postgres therefore ends the wait, and
/// reports it as a lock timeout, before the client's own timeout ends the statement. The client's
/// timeout would close the connection and retry, which waits twice as long.
pub(crate) const SETTINGS: &str = "\
    SELECT set_config('statement_timeout', $2, true), \
           set_config('lock_timeout', ($2::int * 4 / 5)::text, true), \
           set_config('idle_in_transaction_session_timeout', $2, true), \
           set_config('role', 'slipway_app', true), \
           set_config('app.user_id', $1, true)";

/// The same, and a lock. It is taken before the statement, which then sees the changes of the
/// previous holder.
const SETTINGS_AND_LOCK: &str = "\
    SELECT set_config('statement_timeout', $2, true), \
           set_config('lock_timeout', ($2::int * 4 / 5)::text, true), \
           set_config('idle_in_transaction_session_timeout', $2, true), \
           set_config('role', 'slipway_app', true), \
           set_config('app.user_id', $1, true), \
           pg_advisory_xact_lock(hashtextextended($3, 0))";

/// The same as [`SETTINGS`], for statements that take their order from an index. Until Postgres has
/// gathered statistics, it assumes that a user has few files, and prefers to read and sort all of
/// them. With a million files that takes seconds.
pub(crate) const SETTINGS_UNSORTED: &str = "\
    SELECT set_config('statement_timeout', $2, true), \
           set_config('lock_timeout', ($2::int * 4 / 5)::text, true), \
           set_config('idle_in_transaction_session_timeout', $2, true), \
           set_config('enable_sort', 'off', true), \
           set_config('role', 'slipway_app', true), \
           set_config('app.user_id', $1, true)";

impl Db {
    /// Runs `statement` for `user`, in a transaction of its own.
    pub(crate) async fn run(
        &self,
        user: &UserId,
        statement: &Statement<'_>,
    ) -> Result<Vec<Row>, Failure> {
        let lock = statement.lock.map(|id| format!("slipway file {id}"));
        self.run_under(lock, user, statement).await
    }

    /// Runs `statement` for `user`, while no other transaction holds `lock`.
    pub(crate) async fn run_under(
        &self,
        lock: Option<String>,
        user: &UserId,
        statement: &Statement<'_>,
    ) -> Result<Vec<Row>, Failure> {
        let (user, limit) = (user.as_str(), self.statement_limit());
        let mut settings: Vec<Param<'_>> = vec![(&user, Type::TEXT), (&limit, Type::TEXT)];
        let mut settings_sql = SETTINGS;
        if let Some(lock) = &lock {
            settings.push((lock, Type::TEXT));
            settings_sql = SETTINGS_AND_LOCK;
        }
        let mut params: Vec<Param<'_>> = vec![(&user, Type::TEXT)];
        params.extend_from_slice(statement.params);
        self.run_as((settings_sql, &settings), &[(statement.sql, &params)])
            .await
    }

    /// Runs `statement` for `user` with an index for its order, never by sorting. It takes no lock.
    pub(crate) async fn run_unsorted(
        &self,
        user: &UserId,
        statement: &Statement<'_>,
    ) -> Result<Vec<Row>, Failure> {
        let (user, limit) = (user.as_str(), self.statement_limit());
        let settings: [Param<'_>; 2] = [(&user, Type::TEXT), (&limit, Type::TEXT)];
        let mut params: Vec<Param<'_>> = vec![(&user, Type::TEXT)];
        params.extend_from_slice(statement.params);
        self.run_as((SETTINGS_UNSORTED, &settings), &[(statement.sql, &params)])
            .await
    }

    /// Runs `first` and then `statement` for `user` in one transaction. `first` may take locks.
    /// `statement` sees all changes that others committed before `first` was done.
    pub(crate) async fn run_after(
        &self,
        first: Step<'_>,
        user: &UserId,
        statement: &Statement<'_>,
    ) -> Result<Vec<Row>, Failure> {
        let (user, limit) = (user.as_str(), self.statement_limit());
        let settings: [Param<'_>; 2] = [(&user, Type::TEXT), (&limit, Type::TEXT)];
        let mut params: Vec<Param<'_>> = vec![(&user, Type::TEXT)];
        params.extend_from_slice(statement.params);
        self.run_as((SETTINGS, &settings), &[first, (statement.sql, &params)])
            .await
    }

    /// Runs `steps` in one transaction after `settings`, which set the role and the user. Returns
    /// the rows of the last step. If the connection breaks, runs the whole transaction once more on
    /// a new one.
    ///
    /// All steps must be safe to repeat, because the lost response may be that of a COMMIT.
    pub(crate) async fn run_as(
        &self,
        settings: Step<'_>,
        steps: &[Step<'_>],
    ) -> Result<Vec<Row>, Failure> {
        let _wait = self.shared.clock.wait();
        let deadline = Instant::now() + self.shared.config.limits.call;
        let attempts = async {
            let mut slot = self.shared.session.lock().await;
            match self.attempt(&mut slot, settings, steps).await {
                Err(failure) if failure.is_transient() => {
                    tracing::debug!(reason = %failure, "trying once more");
                    self.attempt(&mut slot, settings, steps).await
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
        settings: Step<'_>,
        steps: &[Step<'_>],
    ) -> Result<Vec<Row>, Failure> {
        let session = match slot.take().filter(Session::is_usable) {
            Some(session) => session,
            None => self.connect().await?,
        };
        let limit = Instant::now() + self.shared.config.limits.statement;
        let result = timeout_at(limit, transact(&session, settings, steps))
            .await
            .unwrap_or(Err(Failure::Timeout("running a statement")));
        if result.as_ref().err().is_none_or(Failure::leaves_connection) {
            *slot = Some(session);
        }
        result
    }

    /// The statement timeout for the settings: the longest time of one transaction, in
    /// milliseconds.
    pub(crate) fn statement_limit(&self) -> String {
        self.shared.config.limits.statement.as_millis().to_string()
    }
}

async fn transact(
    session: &Session,
    (settings_sql, settings): Step<'_>,
    steps: &[Step<'_>],
) -> Result<Vec<Row>, Failure> {
    let client = &session.client;
    // Each future sends when it is first polled, and `join4` polls in this order (`tokio::join!`
    // does not).
    let (begin, settings, answers, commit) = join4(
        client.batch_execute("BEGIN"),
        client.execute_typed(settings_sql, settings),
        join_all(
            steps
                .iter()
                .map(|(sql, params)| client.query_typed(sql, params)),
        ),
        client.batch_execute("COMMIT"),
    )
    .await;
    // COMMIT succeeds even after an error, so the first error is the cause.
    begin?;
    settings?;
    let mut last = Vec::new();
    for rows in answers {
        last = rows?;
    }
    commit?;
    Ok(last)
}
