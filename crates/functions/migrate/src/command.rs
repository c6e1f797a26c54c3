//! The command line.

use std::error::Error;
use std::ffi::OsString;
use std::io::Write;

use slipway_core::env::Environment;

use crate::{Migrate, copies, diagnose};

/// The output of `--help`.
const HELP: &str = "\
Usage: migrate [OPTION]

Applies the missing migrations to the Postgres at DATABASE_URL (or DATABASE_URL_UNPOOLED).
It is safe to run repeatedly and concurrently.

  --status                   show what has been applied, and change nothing
  --diagnose                 report as lines of JSON whether the functions can use it, and change nothing
  --import-tutorial-table    put the s3_files table of a tutorial aside as s3_files_tutorial, with all its
                             rows, make ours, and plan a new key for each old object
  --tutorial-copies BUCKET   print the S3 copies that bring those objects under their new keys; a copied
                             object is recorded by its event, or by `maintain`
  --help                     show this
";

/// A parsed command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Apply the missing migrations.
    Apply,
    /// Show what has been applied.
    Status,
    /// Report whether the functions can use the database.
    Diagnose,
    /// Rename the table of a tutorial and create ours.
    ImportTutorialTable,
    /// Print the copy commands for this bucket.
    TutorialCopies(String),
    /// Print the help.
    Help,
}

impl Command {
    /// Parses the arguments. The error is a message for the user.
    pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, String> {
        let args: Vec<String> = args
            .into_iter()
            .map(|arg| arg.to_string_lossy().into_owned())
            .collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        match args.as_slice() {
            [] => Ok(Self::Apply),
            ["--status"] => Ok(Self::Status),
            ["--diagnose"] => Ok(Self::Diagnose),
            ["--import-tutorial-table"] => Ok(Self::ImportTutorialTable),
            ["--tutorial-copies", bucket] => Ok(Self::TutorialCopies((*bucket).to_owned())),
            ["--tutorial-copies"] => Err("--tutorial-copies wants the bucket's name".to_owned()),
            ["--help" | "-h"] => Ok(Self::Help),
            _ => Err("these arguments make no sense together; see migrate --help".to_owned()),
        }
    }

    /// Runs the command and writes its result to `out`.
    pub async fn run(
        &self,
        env: &Environment,
        out: &mut impl Write,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        match self {
            Self::Help => Ok(out.write_all(HELP.as_bytes())?),
            Self::Diagnose => diagnose::run(env, out).await,
            _ => self.migrate(&Migrate::from_env(env)?, out).await,
        }
    }

    async fn migrate(
        &self,
        migrate: &Migrate,
        out: &mut impl Write,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        match self {
            Self::Help | Self::Diagnose => {}
            Self::Apply => {
                let done = migrate.apply().await?;
                for name in &done.applied {
                    writeln!(out, "applied {name}")?;
                }
                writeln!(out, "the database is at version {}", done.version)?;
            }
            Self::Status => {
                for migration in migrate.db.migration_status().await?.migrations {
                    let state = if migration.applied {
                        "applied"
                    } else {
                        "missing"
                    };
                    writeln!(out, "{state} {}", migration.name)?;
                }
            }
            Self::ImportTutorialTable => {
                let import = migrate.db.import_tutorial_table().await?;
                let (rows, without_key) = (import.rows, import.without_key);
                writeln!(out, "s3_files_tutorial has {rows} rows, all kept.")?;
                if without_key > 0 {
                    writeln!(
                        out,
                        "{without_key} of them have no user or no name that a key can hold: slipway_key is null there."
                    )?;
                }
                writeln!(
                    out,
                    "Next: migrate --tutorial-copies BUCKET prints how to bring the objects along."
                )?;
            }
            Self::TutorialCopies(bucket) => copies::print(&migrate.db, bucket, out).await?,
        }
        Ok(())
    }
}
