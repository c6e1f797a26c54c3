//! The errors of migrations, each with a message that says how to fix it.

use std::fmt;

use crate::failure::Failure;

/// The reason why migrating stopped. Migrations that were applied before stay applied.
#[derive(Debug)]
pub enum MigrateError {
    /// Postgres did not answer, or refused a step.
    Database {
        /// The step that failed.
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
        /// The newest version that this program contains.
        known: i32,
    },
    /// There is no tutorial table to import.
    NothingToImport,
    /// The login may neither make the two roles nor grant them to itself.
    Roles {
        /// The step that failed, and the error of Postgres.
        said: String,
        /// The login.
        login: String,
        /// Whether the roles must also be created.
        missing: bool,
    },
    /// It stopped at a later migration than the first that was missing.
    Stopped {
        /// The migrations that were applied before, and stay applied.
        applied: Vec<&'static str>,
        /// Why it stopped.
        why: Box<MigrateError>,
    },
}

impl MigrateError {
    /// The same error, with instructions if `login` lacks CREATEROLE.
    pub(super) fn explained(self, login: &str) -> Self {
        match self {
            // Postgres uses these messages only for statements about roles: "permission denied to
            // create role", "must have admin option on role", and from Postgres 16 on "permission
            // denied to grant role".
            Self::Database { step, reason }
                if reason.starts_with("42501") && reason.contains("role") =>
            {
                Self::Roles {
                    said: format!("{step}: {reason}"),
                    login: login.to_owned(),
                    missing: reason.contains("create role"),
                }
            }
            other => other,
        }
    }

    /// The same error, after `applied`. A database that is ahead stays [`Self::Newer`], which
    /// callers match.
    pub(super) fn after(self, applied: Vec<&'static str>) -> Self {
        if applied.is_empty() || matches!(self, Self::Newer { .. }) {
            return self;
        }
        Self::Stopped {
            applied,
            why: Box::new(self),
        }
    }

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
            Self::Roles {
                said,
                login,
                missing,
            } => {
                let login = login.replace('"', "\"\"");
                write!(
                    f,
                    "{said}. The login \"{login}\" may not make or grant roles. Run this once as an administrator of the \
                     cluster, then run migrate again as before:\n\n"
                )?;
                if *missing {
                    for role in ["slipway_app", "slipway_maintain"] {
                        writeln!(f, "    CREATE ROLE {role} NOLOGIN NOBYPASSRLS;")?;
                    }
                }
                writeln!(
                    f,
                    "    GRANT slipway_app, slipway_maintain TO \"{login}\";"
                )
            }
            Self::Stopped { applied, why } => write!(
                f,
                "{why}\n{} applied before that, and stay: {}",
                match applied.len() {
                    1 => "1 migration was".to_owned(),
                    many => format!("{many} migrations were"),
                },
                applied.join(", ")
            ),
            Self::NothingToImport => f.write_str(
                "there is no s3_files table as the tutorials make it, and none was imported before",
            ),
        }
    }
}

impl std::error::Error for MigrateError {}
