//! A database for each test: a copy of a template database that is migrated once.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use slipway_db::{Config, Db};
use slipway_emulators::capture;
use slipway_emulators::postgres::Postgres;
use tokio_postgres::{Client, NoTls};

use crate::{capture_log, server};

/// A test's own database. It is dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    server: &'static Postgres,
}

/// Creates a database with the newest schema.
#[must_use]
pub fn database() -> TestDatabase {
    static TEMPLATE: LazyLock<TestDatabase> = LazyLock::new(|| {
        let template = create("");
        let db = template.db();
        wait(async move { drop(db.migrate().await.expect("the schema applies")) });
        template
    });
    create(&format!("TEMPLATE {}", TEMPLATE.name))
}

/// Creates an empty database.
#[must_use]
pub fn empty_database() -> TestDatabase {
    create("")
}

impl TestDatabase {
    /// The connection string of the superuser, for whom row-level security does not hold.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url_of(&self.name)
    }

    /// The name of the database.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server of the database.
    #[must_use]
    pub fn server(&self) -> &'static Postgres {
        self.server
    }

    /// Opens a `Db` with a connection of its own, as a function does.
    #[must_use]
    pub fn db(&self) -> Db {
        let config = Config::parse("DATABASE_URL", &self.url()).expect("our own URL");
        Db::new(config).expect("no TLS is needed")
    }

    /// Opens a connection as the superuser, to inspect rows.
    pub async fn admin(&self) -> Client {
        connect(&self.url()).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let server = self.server;
        // Do not wait for the drop. The server waits for open connections, and their other end may
        // be in this test's runtime, which is blocked here. The server deletes the rest when it
        // stops.
        thread::spawn(move || execute(server, drop));
    }
}

fn create(template: &str) -> TestDatabase {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let server = server();
    execute(server, format!("CREATE DATABASE {name} {template}"));
    capture_log();
    capture::environment([("DATABASE_URL", server.url_of(&name).as_str())]);
    TestDatabase { name, server }
}

fn execute(server: &Postgres, sql: String) {
    let url = server.url();
    wait(async move {
        let admin = connect(&url).await;
        admin.batch_execute(&sql).await.expect("the statement runs");
    });
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("the test server answers");
    tokio::spawn(connection);
    client
}

/// Runs `work` to its end, inside or outside of a runtime.
fn wait(work: impl Future<Output = ()> + Send + 'static) {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(work);
    };
    let done = thread::spawn(runtime).join();
    assert!(done.is_ok(), "see the panic above");
}
