//! Failures of a database call: whether to retry, and which error to report.

use std::fmt;

use slipway_core::Error;
use tokio_postgres::error::{DbError, SqlState};

use crate::tls::distrust;

/// The reason why a transaction has no result.
pub(crate) enum Failure {
    /// The socket could not be opened.
    Connect(std::io::Error),
    /// The server is read-only, but the configuration requires one that accepts writes.
    ReadOnly,
    /// TLS or login failed without an error from the server.
    Handshake(tokio_postgres::Error),
    /// The connection or a statement failed, or the server sent an error at login.
    Postgres(tokio_postgres::Error),
    /// The time limit ended while …
    Timeout(&'static str),
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl Failure {
    /// Classifies a failed login: errors sent by the server become `Postgres`, all others become
    /// `Handshake`.
    pub(crate) fn at_login(error: tokio_postgres::Error) -> Self {
        if error.as_db_error().is_some() {
            Self::Postgres(error)
        } else {
            Self::Handshake(error)
        }
    }

    /// Returns whether a retry on a new connection may succeed.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Handshake(_) | Self::Timeout(_) | Self::ReadOnly => true,
            Self::Postgres(error) => match error.as_db_error() {
                Some(error) => is_transient(error.code()),
                None => is_broken(error),
            },
        }
    }

    /// Returns whether the connection stays usable, because the server has only refused a
    /// statement.
    pub(crate) fn leaves_connection(&self) -> bool {
        matches!(self, Self::Postgres(error) if error.as_db_error().is_some_and(|error| !is_ending(error.code())))
    }

    /// The CHECK, index or key that the statement violated.
    pub(crate) fn constraint(&self) -> Option<&str> {
        self.refusal()?.constraint()
    }

    fn refusal(&self) -> Option<&DbError> {
        match self {
            Self::Postgres(error) => error.as_db_error(),
            _ => None,
        }
    }

    /// The error for callers outside this crate. `step` names the operation that failed.
    pub(crate) fn into_error(self, step: &'static str) -> Error {
        let timed_out = match &self {
            Self::Timeout(_) => true,
            Self::Postgres(_) => self.refusal().is_some_and(|error| is_time(error.code())),
            _ => false,
        };
        if timed_out {
            Error::timeout(format!("{step}: {self}"))
        } else if self.is_transient()
            || self
                .refusal()
                .is_some_and(|error| is_exhausted(error.code()) || is_locked(error.code()))
        {
            Error::unavailable(step, self)
        } else {
            Error::internal(step, self)
        }
    }
}

/// Omit the details, which may contain a user's data. Use the SQLSTATE, the message and the
/// constraint.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "cannot connect to Postgres: {error}"),
            Self::ReadOnly => f.write_str("this Postgres takes no writes"),
            Self::Timeout(doing) => write!(f, "time ran out while {doing}"),
            Self::Handshake(error) => match distrusted(error) {
                Some(sentence) => f.write_str(&sentence),
                None => with_cause(f, error),
            },
            Self::Postgres(error) => match error.as_db_error() {
                Some(error) => {
                    write!(f, "{}: {}", error.code().code(), error.message())?;
                    if let Some(name) = error.constraint() {
                        write!(f, " [{name}]")?;
                    }
                    f.write_str(advice(error.code()))
                }
                None => with_cause(f, error),
            },
        }
    }
}

/// The reason why the server's certificate was refused, if it was.
fn distrusted(error: &tokio_postgres::Error) -> Option<String> {
    distrust(&std::error::Error::source(error)?.to_string())
}

fn with_cause(f: &mut fmt::Formatter<'_>, error: &tokio_postgres::Error) -> fmt::Result {
    match std::error::Error::source(error) {
        Some(cause) => write!(f, "{error}: {cause}"),
        None => write!(f, "{error}"),
    }
}

/// The same text, because logs use this format too.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failure {}

/// Returns whether the code means that the server is shutting down, is not up yet, or that two
/// transactions conflicted.
///
/// A duplicate key is such a conflict too. Our keys contain their ids, so `ON CONFLICT (id)`
/// detects every duplicate. However, while a delete moves a row within its indexes, a lookup in one
/// of them may miss it.
fn is_transient(code: &SqlState) -> bool {
    is_ending(code)
        || *code == SqlState::T_R_SERIALIZATION_FAILURE
        || *code == SqlState::T_R_DEADLOCK_DETECTED
        || *code == SqlState::UNIQUE_VIOLATION
}

fn is_ending(code: &SqlState) -> bool {
    let code = code.code();
    code.starts_with("08") || code.starts_with("57P") || code == "25P03" || code == "25P04"
}

fn is_time(code: &SqlState) -> bool {
    *code == SqlState::QUERY_CANCELED
}

/// Another transaction held a lock for longer than the lock timeout. Nothing was done. After a
/// timeout of the client this would be unknown.
fn is_locked(code: &SqlState) -> bool {
    *code == SqlState::LOCK_NOT_AVAILABLE
}

/// Too many connections, no memory, a full disk.
fn is_exhausted(code: &SqlState) -> bool {
    code.code().starts_with("53")
}

/// Returns whether the connection broke, as far as the client can tell.
fn is_broken(error: &tokio_postgres::Error) -> bool {
    error.is_closed()
        || std::error::Error::source(error)
            .is_some_and(<dyn std::error::Error + 'static>::is::<std::io::Error>)
}

fn advice(code: &SqlState) -> &'static str {
    let missing = *code == SqlState::UNDEFINED_TABLE
        || *code == SqlState::UNDEFINED_COLUMN
        || *code == SqlState::INVALID_PARAMETER_VALUE;
    if is_locked(code) {
        " (another transaction holds the lock: see pg_stat_activity)"
    } else if missing {
        " (is the schema there? run migrate)"
    } else {
        ""
    }
}
