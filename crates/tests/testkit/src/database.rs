//! A database for each test: a copy of one that is migrated once.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use slipway_db::{Config, Db};
use slipway_emulators::capture;
use slipway_emulators::postgres::Postgres;
use tokio_postgres::{Client, NoTls};

use crate::{listen, server};

/// A database that is dropped with this.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    server: &'static Postgres,
}

/// A fresh database with the newest schema.
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

/// A fresh database with nothing in it.
#[must_use]
pub fn empty_database() -> TestDatabase {
    create("")
}

impl TestDatabase {
    /// `postgres://…` for the superuser, whom no row-level security binds.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url_of(&self.name)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server that has it.
    #[must_use]
    pub fn server(&self) -> &'static Postgres {
        self.server
    }

    /// A `Db` of its own, as a function would have.
    #[must_use]
    pub fn db(&self) -> Db {
        let config = Config::parse("DATABASE_URL", &self.url()).expect("our own URL");
        Db::new(config).expect("no TLS is needed")
    }

    /// A connection as the superuser, to look at what is there.
    pub async fn admin(&self) -> Client {
        connect(&self.url()).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let server = self.server;
        // Not waited for: the server waits for connections whose other end may be in the test's own runtime,
        // which stands still here. What is left goes with the server.
        thread::spawn(move || execute(server, drop));
    }
}

fn create(template: &str) -> TestDatabase {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let server = server();
    execute(server, format!("CREATE DATABASE {name} {template}"));
    listen();
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
