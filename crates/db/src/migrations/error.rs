//! Why the schema was left as it is, in words that say what to do.

use std::fmt;

use crate::failure::Failure;

/// Why migrating stopped. What was applied before stays.
#[derive(Debug)]
pub enum MigrateError {
    /// Postgres did not answer, or refused a step.
    Database {
        /// What was being done.
        step: String,
        /// Why it failed.
        reason: String,
    },
    /// There is an `s3_files` with the tutorials' columns.
    Tutorial,
    /// There is an `s3_files` that is neither ours nor the tutorials'.
    Foreign,
    /// A migration was edited after it had been applied.
    Changed {
        /// Which one.
        name: String,
    },
    /// The database is ahead of this program.
    Newer {
        /// The newest version in the database.
        version: i32,
        /// The newest that this program knows.
        known: i32,
    },
    /// There is no table of a tutorial to import.
    NothingToImport,
}

impl MigrateError {
    pub(super) fn database(step: impl Into<String>, failure: impl Into<Failure>) -> Self {
        Self::Database {
            step: step.into(),
            reason: failure.into().to_string(),
        }
    }
}

impl fmt::Display for MigrateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database { step, reason } => write!(f, "{step}: {reason}"),
            Self::Tutorial => f.write_str(
                "this database has an s3_files table as the tutorials make it (id SERIAL). Nothing was changed. \
                 Run `migrate --import-tutorial-table` to keep its rows as s3_files_tutorial beside a new s3_files, \
                 or use another database or schema",
            ),
            Self::Foreign => f.write_str(
                "this database has an s3_files table (or view) that is not Slipway's. Nothing was changed. \
                 Rename it, or use another database or schema",
            ),
            Self::Changed { name } => write!(
                f,
                "migration {name} was changed after it had been applied here. Restore the file, and make the change \
                 a migration of its own"
            ),
            Self::Newer { version, known } => write!(
                f,
                "the database is at version {version}, and this program knows up to {known}. Deploy the newer \
                 version of this program; it never goes back"
            ),
            Self::NothingToImport => f.write_str(
                "there is no s3_files table as the tutorials make it, and none was imported before",
            ),
        }
    }
}

impl std::error::Error for MigrateError {}
