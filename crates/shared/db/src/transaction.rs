//! Running statements in one transaction: a round trip, a deadline, one retry.

use futures_util::future::{join_all, join4};
use slipway_core::{FileId, UserId};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::Db;
use crate::failure::Failure;
use crate::session::Session;

/// A value, and its type: nobody asks the server.
pub(crate) type Param<'a> = (&'a (dyn ToSql + Sync), Type);

/// A statement and its parameters.
pub(crate) type Step<'a> = (&'static str, &'a [Param<'a>]);

/// A statement for one user, and the parameters that follow the caller's `$1`.
pub(crate) struct Statement<'a> {
    /// Its text: `user_id = $1` is spelled so wherever it asks for the caller's rows.
    pub(crate) sql: &'static str,
    pub(crate) params: &'a [Param<'a>],
    /// The file that no other such statement may add, change or drop meanwhile.
    pub(crate) lock: Option<FileId>,
}

/// Local to the transaction, so that poolers hand nothing on. The time limits come first: they hold for
/// the wait for the lock as well.
///
/// A lock may be waited for four fifths of the time of a statement. So Postgres ends the wait, and says that it was one,
/// before our own clock ends the statement: that would close the connection and try again, and wait twice as long.
pub(crate) const SETTINGS: &str = "\
    SELECT set_config('statement_timeout', $2, true), \
           set_config('lock_timeout', ($2::int * 4 / 5)::text, true), \
           set_config('idle_in_transaction_session_timeout', $2, true), \
           set_config('role', 'slipway_app', true), \
           set_config('app.user_id', $1, true)";

/// The same, and a lock: taken before the statement, which then sees what its predecessor did.
const SETTINGS_AND_LOCK: &str = "\
    SELECT set_config('statement_timeout', $2, true), \
           set_config('lock_timeout', ($2::int * 4 / 5)::text, true), \
           set_config('idle_in_transaction_session_timeout', $2, true), \
           set_config('role', 'slipway_app', true), \
           set_config('app.user_id', $1, true), \
           pg_advisory_xact_lock(hashtextextended($3, 0))";

/// The same as [`SETTINGS`] for statements that take their order from an index. Postgres believes that a user has few
/// files until it has gathered statistics, and would then rather read all of them and sort. Of a million that takes
/// seconds.
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

    /// Runs `first` and then `statement` for `user` in one transaction. `statement` sees what others did before `first`,
    /// which may take locks, was done.
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

    /// Runs `steps` in one transaction after `settings`, which say as whom, and answers the rows of the last; all of
    /// it once more on a new connection if the first attempt broke.
    ///
    /// All of it is safe to repeat, since a lost answer may be that of a COMMIT.
    pub(crate) async fn run_as(
        &self,
        settings: Step<'_>,
        steps: &[Step<'_>],
    ) -> Result<Vec<Row>, Failure> {
        let _wait = self.clock.wait();
        let deadline = Instant::now() + self.config.limits.call;
        let attempts = async {
            let mut slot = self.session.lock().await;
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
        let limit = Instant::now() + self.config.limits.statement;
        let result = timeout_at(limit, transact(&session, settings, steps))
            .await
            .unwrap_or(Err(Failure::Timeout("running a statement")));
        if result.as_ref().err().is_none_or(Failure::leaves_connection) {
            *slot = Some(session);
        }
        result
    }

    /// What the settings tell the server: how long one transaction may take, in milliseconds.
    pub(crate) fn statement_limit(&self) -> String {
        self.config.limits.statement.as_millis().to_string()
    }
}

async fn transact(
    session: &Session,
    (settings_sql, settings): Step<'_>,
    steps: &[Step<'_>],
) -> Result<Vec<Row>, Failure> {
    let client = &session.client;
    // Each sends when it is first polled, and `join4` polls in this order (`tokio::join!` does not).
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
