//! The schema: numbered SQL files, each applied once, in a transaction of its own.
//!
//! The code before a migration and the code after it must both work with it: expand, deploy,
//! contract. A migration may be run again. An applied migration is never edited, because its
//! checksum is stored.

mod apply;
mod error;
mod foreign;
mod tutorial;

pub(crate) use apply::applied;
pub use apply::{AppliedMigration, Status};
pub use error::MigrateError;
pub(crate) use foreign::{Found, find};
pub use tutorial::{TutorialCopy, TutorialImport};

use std::fmt::Write as _;

use ring::digest::{SHA256, digest};

/// One SQL file.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Its place in the order.
    pub version: i32,
    /// The subject of the migration.
    pub name: &'static str,
    sql: &'static str,
}

macro_rules! migration {
    ($version:literal, $name:literal) => {
        Migration {
            version: $version,
            name: $name,
            sql: include_str!(concat!("../migrations/", $name, ".sql")),
        }
    };
}

/// All of them, in order.
pub const MIGRATIONS: &[Migration] = &[
    migration!(1, "0001_roles"),
    migration!(2, "0002_files"),
    migration!(3, "0003_row_security"),
    migration!(4, "0004_maintenance"),
    migration!(5, "0005_refused"),
    migration!(6, "0006_uploads"),
    migration!(7, "0007_live_files"),
    migration!(8, "0008_list_order"),
    migration!(9, "0009_drop_live_files"),
    migration!(10, "0010_maintenance_removals"),
    migration!(11, "0011_fields"),
    migration!(12, "0012_open_uploads"),
    migration!(13, "0013_names"),
    migration!(14, "0014_webhook_events"),
    migration!(15, "0015_completions"),
    migration!(16, "0016_previews"),
];

impl Migration {
    /// Hex SHA-256 of the file. It must not depend on line endings, which a checkout may have
    /// changed.
    #[must_use]
    pub fn checksum(&self) -> String {
        let text = self.sql.replace("\r\n", "\n");
        let mut hex = String::with_capacity(64);
        for byte in digest(&SHA256, text.as_bytes()).as_ref() {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_up_and_names_begin_with_them() {
        for (at, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(migration.version, i32::try_from(at + 1).expect("few"));
            assert!(
                migration
                    .name
                    .starts_with(&format!("{:04}_", migration.version))
            );
        }
    }

    #[test]
    fn every_file_is_listed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let files = std::fs::read_dir(folder).expect("the folder").count();
        assert_eq!(files, MIGRATIONS.len());
    }
}
