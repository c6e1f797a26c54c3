//! One Postgres for each test process; it goes when the process does.

use std::path::PathBuf;
use std::sync::LazyLock;

use slipway_emulators::postgres::{Postgres, PostgresOptions};

use crate::guard;

/// The server, started when first asked for.
#[must_use]
pub fn server() -> &'static Postgres {
    static SERVER: LazyLock<Postgres> = LazyLock::new(|| {
        let mut options = PostgresOptions::temporary(cache());
        options.settings = vec![
            ("max_connections".to_owned(), "300".to_owned()),
            // A login that a fault has cut short holds up who makes or drops a database; on a busy machine one that
            // is well takes seconds.
            ("authentication_timeout".to_owned(), "15s".to_owned()),
        ];
        options.say = |text| eprintln!("{text}");
        Postgres::start(guard(), &options).expect("Postgres starts")
    });
    &SERVER
}

/// Where fetched programs are kept: the ignored folder at the root.
#[must_use]
pub fn cache() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../.slipway/cache"
    ))
}
