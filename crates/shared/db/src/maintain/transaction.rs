//! Runs statements as `slipway_maintain`.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::Db;
use crate::failure::Failure;
use crate::transaction::Step;

/// Local to the transaction, as for a user's statement, but without a user.
const SETTINGS: &str = "\
    SELECT set_config('statement_timeout', $1, true), \
           set_config('lock_timeout', ($1::int * 4 / 5)::text, true), \
           set_config('idle_in_transaction_session_timeout', $1, true), \
           set_config('role', 'slipway_maintain', true), \
           set_config('app.user_id', '', true)";

impl Db {
    /// Runs `steps` in one transaction, and returns the rows of the last one.
    pub(crate) async fn run_maintain(&self, steps: &[Step<'_>]) -> Result<Vec<Row>, Failure> {
        let limit = self.statement_limit();
        self.run_as((SETTINGS, &[(&limit, Type::TEXT)]), steps)
            .await
    }
}
