//! Diagnoses a database: finds what prevents the functions from working with it, and reports it as
//! a stable name and a sentence.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use crate::Db;
use crate::failure::Failure;
use crate::migrations::{Found, MIGRATIONS, MigrateError, applied, find};

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The subject: `database`, `schema`, `roles`, `row-security`, `writes`.
    pub check: &'static str,
    /// The state of the subject.
    pub state: State,
    /// A description without secrets.
    pub said: String,
}

/// The state of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It works.
    Well,
    /// It does not work: the stable name of the fault.
    Fault(&'static str),
    /// It could not be checked.
    Unseen,
}

/// The tables with rows of users.
const TABLES: [&str; 4] = [
    "s3_files",
    "user_usage",
    "multipart_uploads",
    "webhook_events",
];

/// The roles that statements run as.
const ROLES: [&str; 2] = ["slipway_app", "slipway_maintain"];

/// Returns whether the login can read rows at all. An owner and a superuser can. Other logins have
/// no policy.
const HISTORY: &str = "\
SELECT has_table_privilege(oid, 'SELECT') AND NOT row_security_active(oid) FROM pg_class
WHERE oid = to_regclass('slipway_migrations')";

const BYPASSING: &str = "\
SELECT rolname::text FROM pg_roles WHERE rolname = $1 AND (rolsuper OR rolbypassrls)";

/// Finds tables that show a role the rows of other users: row-level security is off, or the role
/// owns the table.
const OPEN: &str = "\
SELECT t.name FROM unnest($1) AS t (name) JOIN pg_class AS c ON c.oid = to_regclass(t.name)
WHERE NOT c.relrowsecurity OR c.relowner IN (SELECT oid FROM pg_roles WHERE rolname = ANY ($2))";

/// A megabyte of new pages.
const ROOM: &str = "\
CREATE TEMPORARY TABLE slipway_doctor ON COMMIT DROP AS SELECT generate_series(1, 30000) AS n";

const AS_APP: &str = "\
SELECT set_config('role', 'slipway_app', true), set_config('app.user_id', $1, true)";

/// Writes the usage of a user that does not exist. If it does exist, its row stays as it is.
const WRITE: &str = "\
INSERT INTO user_usage AS u (user_id, files, bytes) VALUES ($1, 0, 0)
ON CONFLICT (user_id) DO UPDATE SET files = u.files";

impl Db {
    /// Runs all checks in the order of their dependencies. Changes nothing: the writes of one check
    /// are rolled back.
    pub async fn diagnose(&self) -> Vec<Finding> {
        let session = match self.connect().await {
            Ok(session) => session,
            Err(failure) => return vec![self.unreached(&failure)],
        };
        let limit = self.shared.config.limits.statement;
        let client = &session.client;
        let mut findings = vec![within(limit, "database", self.server(client)).await];
        let schema = within(limit, "schema", schema(client)).await;
        // Without tables there is nothing more to check.
        let is_there = !matches!(
            schema.state,
            State::Fault("schema_missing" | "schema_foreign")
        );
        findings.push(schema);
        if is_there {
            findings.push(within(limit, "roles", roles(client)).await);
            findings.push(within(limit, "row-security", row_security(client)).await);
            findings.push(within(limit, "writes", writes(client)).await);
        }
        findings
    }

    fn unreached(&self, failure: &Failure) -> Finding {
        let fault = match failure {
            Failure::Connect(_) | Failure::Timeout(_) => "database_unreachable",
            Failure::ReadOnly => "database_read_only",
            Failure::Handshake(error) if self.shared.tls.0.is_none() || is_cut(error) => {
                "database_unreachable"
            }
            Failure::Handshake(_) => "database_tls",
            Failure::Postgres(error) => match error.code() {
                Some(code) if code.code().starts_with("53") => "database_full",
                Some(code) if code.code().starts_with("57") => "database_unreachable",
                _ => "database_login",
            },
        };
        finding("database", State::Fault(fault), failure.to_string())
    }

    async fn server(&self, client: &Client) -> Result<Finding, Failure> {
        let row = client.query_typed("SHOW server_version", &[]).await?;
        let version: String = row
            .first()
            .map_or(Ok(String::new()), |row| row.try_get(0))?;
        let tls = if self.shared.tls.0.is_some() {
            "by TLS"
        } else {
            "without TLS"
        };
        let said = format!("Postgres {version} answers, {tls}");
        Ok(finding("database", State::Well, said))
    }
}

async fn schema(client: &Client) -> Result<Finding, Failure> {
    let found = |state, said: String| Ok(finding("schema", state, said));
    let history = client.query_typed(HISTORY, &[]).await?;
    let at = match history.first() {
        None => 0,
        Some(row) if row.try_get(0)? => match applied(client).await {
            Ok(at) => at,
            Err(error) => {
                let state = match &error {
                    MigrateError::Newer { .. } => State::Fault("schema_ahead"),
                    MigrateError::Changed { .. } => State::Fault("schema_changed"),
                    _ => State::Unseen,
                };
                return found(state, error.to_string());
            }
        },
        Some(_) => {
            let said = "this login may not read slipway_migrations, so the version is not known";
            return found(State::Unseen, said.to_owned());
        }
    };
    if at == 0 {
        return match find(client).await {
            Ok(Found::Tutorial) => found(
                State::Fault("schema_foreign"),
                MigrateError::Tutorial.to_string(),
            ),
            Ok(Found::Foreign) => found(
                State::Fault("schema_foreign"),
                MigrateError::Foreign.to_string(),
            ),
            Ok(Found::Nothing | Found::Ours) => {
                let said = "no migration has been applied to this database (and search_path)";
                found(State::Fault("schema_missing"), said.to_owned())
            }
            Err(error) => found(State::Unseen, error.to_string()),
        };
    }
    let known = MIGRATIONS.last().map_or(0, |migration| migration.version);
    if at < known {
        let said = format!("the database is at version {at}, and this build wants {known}");
        return found(State::Fault("schema_behind"), said);
    }
    found(State::Well, format!("version {at}, as in this build"))
}

async fn roles(client: &Client) -> Result<Finding, Failure> {
    let found = |fault, said| Ok(finding("roles", State::Fault(fault), said));
    for name in ROLES {
        client.batch_execute("BEGIN").await?;
        let taken = client
            .execute_typed(
                "SELECT set_config('role', $1, true)",
                &[(&name, Type::TEXT)],
            )
            .await;
        client.batch_execute("ROLLBACK").await?;
        match taken {
            Ok(_) => {}
            Err(error) if error.code() == Some(&SqlState::INVALID_PARAMETER_VALUE) => {
                return found("role_missing", format!("there is no role {name}"));
            }
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                let said = format!("the login may not take the role {name}");
                return found("role_not_granted", said);
            }
            Err(error) => return Err(error.into()),
        }
        let bypassing = client
            .query_typed(BYPASSING, &[(&name, Type::TEXT)])
            .await?;
        if !bypassing.is_empty() {
            let said = format!("the role {name} bypasses row-level security");
            return found("role_bypasses", said);
        }
    }
    let said = format!("the login may take {}", ROLES.join(" and "));
    Ok(finding("roles", State::Well, said))
}

async fn row_security(client: &Client) -> Result<Finding, Failure> {
    let (tables, roles) = (TABLES.as_slice(), ROLES.as_slice());
    let rows = client
        .query_typed(
            OPEN,
            &[(&tables, Type::TEXT_ARRAY), (&roles, Type::TEXT_ARRAY)],
        )
        .await?;
    let open: Result<Vec<String>, _> = rows.iter().map(|row| row.try_get(0)).collect();
    let open = open?;
    if open.is_empty() {
        let said = format!("on, for {}", TABLES.join(", "));
        return Ok(finding("row-security", State::Well, said));
    }
    let said = format!(
        "row-level security does not bind the functions on {}",
        open.join(", ")
    );
    Ok(finding(
        "row-security",
        State::Fault("row_security_off"),
        said,
    ))
}

/// Checks that a row can be written, and then a megabyte of new pages. On a full disk, reads still
/// work, and so do writes into pages with free space.
async fn writes(client: &Client) -> Result<Finding, Failure> {
    let found = |state, said: String| Ok(finding("writes", state, said));
    let user = "slipway-doctor";
    client.batch_execute("BEGIN").await?;
    // Before the role is taken, because our roles may not create tables.
    let mut room = client.batch_execute(ROOM).await;
    if room.is_err() {
        client.batch_execute("ROLLBACK; BEGIN").await?;
    }
    let written = client
        .query_typed(AS_APP, &[(&user, Type::TEXT)])
        .await
        .map(drop);
    let written = match written {
        Ok(()) => client
            .execute_typed(WRITE, &[(&user, Type::TEXT)])
            .await
            .map(drop),
        Err(error) => Err(error),
    };
    client.batch_execute("ROLLBACK").await?;
    let denied = room.as_ref().err().and_then(tokio_postgres::Error::code)
        == Some(&SqlState::INSUFFICIENT_PRIVILEGE);
    if denied {
        room = Ok(());
    }
    match written.and(room) {
        Ok(()) if denied => found(
            State::Well,
            "a row can be written; this login may not try whether there is room for more"
                .to_owned(),
        ),
        Ok(()) => found(
            State::Well,
            "rows can be written, and there is room".to_owned(),
        ),
        Err(error) => {
            let state = match error.code() {
                Some(code) if code.code().starts_with("53") => State::Fault("database_full"),
                Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => State::Fault("database_read_only"),
                _ => State::Unseen,
            };
            found(state, format!("writing fails: {}", Failure::from(error)))
        }
    }
}

/// Returns whether the connection failed, as opposed to the statement.
fn is_cut(error: &tokio_postgres::Error) -> bool {
    let cause = std::error::Error::source(error);
    error.is_closed() || cause.is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}

fn finding(check: &'static str, state: State, said: String) -> Finding {
    Finding { check, state, said }
}

/// The finding of a check that failed.
async fn within(
    limit: Duration,
    check: &'static str,
    look: impl Future<Output = Result<Finding, Failure>>,
) -> Finding {
    match timeout(limit, look).await {
        Ok(Ok(finding)) => finding,
        Ok(Err(failure)) => finding(check, State::Unseen, failure.to_string()),
        Err(_) => finding(check, State::Unseen, "no answer in time".to_owned()),
    }
}
