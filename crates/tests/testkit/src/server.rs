//! One Postgres for each test process. It stops with the process.

use std::path::PathBuf;
use std::sync::LazyLock;

use slipway_emulators::postgres::{Postgres, PostgresOptions};

use crate::guard;

/// The server, started on first use.
#[must_use]
pub fn server() -> &'static Postgres {
    static SERVER: LazyLock<Postgres> = LazyLock::new(|| {
        let mut options = PostgresOptions::temporary(cache());
        options.settings = vec![
            ("max_connections".to_owned(), "1000".to_owned()),
            // A login that a fault has interrupted blocks CREATE DATABASE and DROP DATABASE until
            // this timeout. It must still be longer than a normal login, which takes seconds on a
            // busy machine.
            ("authentication_timeout".to_owned(), "15s".to_owned()),
        ];
        options.say = |text| eprintln!("{text}");
        Postgres::start(guard(), &options).expect("Postgres starts")
    });
    &SERVER
}

/// The folder for downloaded programs: `.slipway/cache` at the root, which git ignores.
#[must_use]
pub fn cache() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../.slipway/cache"
    ))
}
