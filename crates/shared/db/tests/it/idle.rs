//! A connection that died while it was idle is detected before it is used.

use std::thread;

use slipway_db::{Config, Db};
use slipway_testkit::{TcpProxy, TestDatabase, database};

use crate::support::{file, logged, user};

async fn through(proxy: &TcpProxy, database: &TestDatabase) -> Db {
    let config = Config::parse("DATABASE_URL", &proxy.through(&database.url())).expect("a URL");
    let db = Db::new(config).expect("a database");
    db.warm_up().await;
    assert_eq!(proxy.connections(), 1, "warm");
    db
}

#[tokio::test]
async fn one_connection_serves_many_calls() {
    let database = database();
    let proxy = TcpProxy::start(database.server().port()).await;
    let db = through(&proxy, &database).await;
    for _ in 0..20 {
        let _ = file(&db, "alice", 1).await;
    }
    db.warm_up().await;
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn a_cut_or_half_closed_connection_is_replaced() {
    let database = database();
    let proxy = TcpProxy::start(database.server().port()).await;
    let db = through(&proxy, &database).await;
    for (made, break_it) in [
        (2, TcpProxy::cut as fn(&TcpProxy)),
        (3, TcpProxy::half_close),
        (4, TcpProxy::cut),
    ] {
        break_it(&proxy);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let _ = file(&db, "alice", 1).await;
        assert_eq!(proxy.connections(), made);
    }
}

/// As after a freeze: the server has closed the connection, and the client's tasks have not run
/// since. Nothing is sent into the dead socket, so no retry is needed. `is_closed` alone would not
/// have detected it.
#[tokio::test]
async fn a_connection_that_ended_while_we_were_frozen_is_not_used() {
    let database = database();
    let db = database.db();
    for _ in 0..10 {
        let _ = db.usage(&user("alice")).await.expect("warm");
        let url = database.url();
        // This thread is the runtime's only one, and it waits here.
        thread::scope(|scope| {
            scope.spawn(|| terminate_all(&url));
        });
        let attempts = logged(async {
            let _ = db.usage(&user("alice")).await.expect("answered");
        })
        .await;
        assert!(!attempts.contains("trying once more"), "{attempts}");
    }
}

/// Ends every other connection to the database, and waits until they are gone.
fn terminate_all(url: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls)
            .await
            .expect("connected");
        tokio::spawn(connection);
        client
            .batch_execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )
            .await
            .expect("terminated");
    });
}
