//! A broken, hung or lost connection costs one bounded retry: never a wrong answer, never a hang.

use std::time::{Duration, Instant};

use slipway_core::{Code, Tombstone};
use slipway_db::{Config, Db, Limits, Recorded, Usage};
use slipway_testkit::{TcpFault, TcpProxy, TestDatabase, database};

use crate::support::{HERE, checked_usage, file, hidden, key, object, record, user};

const SHORT: Limits = Limits {
    connect: Duration::from_millis(500),
    statement: Duration::from_millis(500),
    call: Duration::from_millis(1200),
};

/// Longer than a call with those limits takes on any machine, and shorter than the default limits.
const LONG: Duration = Duration::from_secs(10);

/// Retries `attempt` until it returns a value.
async fn eventually<T>(mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    loop {
        if let Some(value) = attempt().await {
            return value;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn through(proxy: &TcpProxy, database: &TestDatabase, limits: Limits) -> Db {
    let config = Config::parse("DATABASE_URL", &proxy.through(&database.url())).expect("a URL");
    let db = Db::new(config.with_limits(limits)).expect("a database");
    db.warm_up().await;
    db
}

async fn proxied(database: &TestDatabase) -> (TcpProxy, Db) {
    let proxy = TcpProxy::start(database.server().port()).await;
    let db = through(&proxy, database, Limits::default()).await;
    (proxy, db)
}

/// The server has committed, but the response was lost.
const COMMITTED: TcpFault = TcpFault::LoseResponse(b"COMMIT\0");

#[tokio::test]
async fn a_delete_whose_answer_was_lost_still_says_deleted() {
    let database = database();
    let (proxy, db) = proxied(&database).await;
    let (one, two) = (file(&db, "alice", 1).await, file(&db, "alice", 2).await);
    let before = db
        .delete_files(&user("alice"), &[two.id])
        .await
        .expect("deleted");
    assert_eq!(before.len(), 1);
    proxy.set(COMMITTED);
    let deleted = db
        .delete_files(&user("alice"), &[one.id, two.id])
        .await
        .expect("deleted");
    assert_eq!(deleted, [hidden(&one)], "and not what was deleted before");
    assert_eq!(proxy.connections(), 2, "it was retried");
    assert_eq!(checked_usage(&database, "alice").await, Usage::default());
}

#[tokio::test]
async fn a_record_whose_answer_was_lost_counts_once() {
    let database = database();
    let (proxy, db) = proxied(&database).await;
    for fault in [COMMITTED, TcpFault::LoseRequest(b"COMMIT")] {
        proxy.set(fault);
        let key = key("alice");
        let recorded = record(&db, &object(&key, 5, "a", 1)).await;
        assert!(matches!(
            recorded,
            Recorded::Created(_) | Recorded::Unchanged(_)
        ));
    }
    assert_eq!(proxy.connections(), 3);
    assert_eq!(
        checked_usage(&database, "alice").await,
        Usage {
            files: 2,
            bytes: 10
        }
    );
}

#[tokio::test]
async fn a_refusal_whose_answer_was_lost_refuses_still() {
    let database = database();
    let (proxy, db) = proxied(&database).await;
    let object = object(&key("alice"), 5, "a", 1);
    // The first COMMIT is that of the record, which the CHECK rolled back. Lose the response to the
    // COMMIT of the tombstone.
    proxy.set(COMMITTED);
    let recorded = db
        .record_file(&object, &HERE, Some(1), None)
        .await
        .expect("answered");
    assert_eq!(recorded, Recorded::Tombstoned(Tombstone::OverQuota));
    assert_eq!(proxy.connections(), 2);
    assert_eq!(checked_usage(&database, "alice").await, Usage::default());
}

#[tokio::test]
async fn a_forgotten_file_is_forgotten_once() {
    let database = database();
    let (proxy, db) = proxied(&database).await;
    let row = file(&db, "alice", 5).await;
    proxy.set(COMMITTED);
    let _ = db
        .forget_missing(&row.object_key, &row)
        .await
        .expect("answered");
    assert_eq!(checked_usage(&database, "alice").await, Usage::default());
}

#[tokio::test]
async fn a_blackhole_ends_by_the_deadline_and_leaves_no_trace() {
    let database = database();
    let proxy = TcpProxy::start(database.server().port()).await;
    let db = through(&proxy, &database, SHORT).await;
    // Connects without the proxy and without the short limits, which a busy machine may exceed.
    let row = file(&database.db(), "alice", 5).await;
    proxy.set(TcpFault::Blackhole);
    let begun = Instant::now();
    let error = db.usage(&user("alice")).await.expect_err("nobody answers");
    assert_eq!(error.code(), Code::Timeout, "{error}");
    assert!(begun.elapsed() < LONG, "{:?}", begun.elapsed());
    proxy.set(TcpFault::None);
    let alice = user("alice");
    let found = eventually(async || db.find_file(&alice, row.id).await.ok()).await;
    assert_eq!(found, Some(row));
}

#[tokio::test]
async fn a_connection_that_hangs_is_replaced_within_the_call() {
    let database = database();
    let proxy = TcpProxy::start(database.server().port()).await;
    let limits = Limits {
        connect: Duration::from_secs(3),
        ..Limits::default()
    };
    let db = through(&proxy, &database, limits).await;
    proxy.set(TcpFault::Blackhole);
    let alice = user("alice");
    let (usage, ()) = tokio::join!(db.usage(&alice), async {
        // By then the first words have been swallowed.
        tokio::time::sleep(Duration::from_secs(1)).await;
        proxy.set(TcpFault::None);
    });
    assert_eq!(usage.expect("answered"), Usage::default());
    assert_eq!(proxy.connections(), 2);
}

#[tokio::test]
async fn a_slow_network_is_only_slow() {
    let database = database();
    let (proxy, db) = proxied(&database).await;
    proxy.set(TcpFault::Delay(Duration::from_millis(100)));
    let begun = Instant::now();
    let _ = file(&db, "alice", 5).await;
    // The minimum is one round trip. `trips` in crates/tests/processes counts on the wire that
    // there is not a second one.
    assert!(
        begun.elapsed() >= Duration::from_millis(200),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn who_does_not_let_us_in_is_unavailable() {
    let database = database();
    let proxy = TcpProxy::start(database.server().port()).await;
    proxy.set(TcpFault::Refuse);
    let db = through(&proxy, &database, SHORT).await;
    let error = db.usage(&user("alice")).await.expect_err("refused");
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    // Not a listening port.
    let nobody = slipway_emulators::postgres::free_port().expect("a port");
    let url = format!("postgres://postgres:secret@127.0.0.1:{nobody}/x");
    let db = Db::new(Config::parse("DATABASE_URL", &url).expect("a URL")).expect("a database");
    db.warm_up().await;
    let error = db.usage(&user("alice")).await.expect_err("refused");
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    assert!(!format!("{error:?}").contains("secret"));
}

#[tokio::test]
async fn a_wrong_password_is_a_fault_of_ours_and_not_retried() {
    let database = database();
    let proxy = TcpProxy::start(database.server().port()).await;
    let url = proxy.through(&database.url());
    let url = url.replace(database.server().password(), "wrong");
    let db = Db::new(Config::parse("DATABASE_URL", &url).expect("a URL")).expect("a database");
    let error = db.usage(&user("alice")).await.expect_err("refused");
    assert_eq!(error.code(), Code::Internal, "{error}");
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn a_backend_that_is_terminated_at_work_costs_a_retry() {
    let database = database();
    let db = database.db();
    let row = file(&db, "alice", 5).await;
    let mut admin = database.admin().await;
    let holder = admin.transaction().await.expect("begins");
    holder
        .execute("SELECT FROM s3_files FOR UPDATE", &[])
        .await
        .expect("locked");
    let terminator = database.admin().await;
    let alice = user("alice");
    let ids = [row.id];
    let (deleted, ()) = tokio::join!(db.delete_files(&alice, &ids), async {
        let waiting = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        while terminator
            .query(waiting, &[])
            .await
            .expect("looked")
            .is_empty()
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        holder.commit().await.expect("unlocked");
    });
    assert_eq!(deleted.expect("deleted").len(), 1);
    assert_eq!(checked_usage(&database, "alice").await, Usage::default());
}

#[tokio::test]
async fn a_lock_that_is_not_let_go_ends_by_the_deadline_also_on_the_server() {
    let database = database();
    let proxy = TcpProxy::start(database.server().port()).await;
    let limits = Limits {
        statement: Duration::from_secs(2),
        ..Limits::default()
    };
    let db = through(&proxy, &database, limits).await;
    let row = file(&db, "alice", 5).await;
    let mut admin = database.admin().await;
    let holder = admin.transaction().await.expect("begins");
    holder
        .execute("SELECT FROM s3_files FOR UPDATE", &[])
        .await
        .expect("locked");
    let error = db
        .delete_files(&user("alice"), &[row.id])
        .await
        .expect_err("locked");
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    let causes = error.causes();
    assert!(
        causes.contains("55P03") && causes.contains("another transaction holds the lock"),
        "{causes}"
    );
    assert_eq!(
        proxy.connections(),
        1,
        "it waited once, and kept its connection"
    );
    let waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
    // The backend ends by the time limit from the settings.
    eventually(async || {
        let waiting = holder.query(waiting, &[]).await.expect("looked");
        waiting.is_empty().then_some(())
    })
    .await;
    holder.commit().await.expect("unlocked");
    assert_eq!(
        checked_usage(&database, "alice").await,
        Usage { files: 1, bytes: 5 }
    );
}

#[tokio::test]
async fn a_call_that_is_dropped_half_way_takes_its_connection_along() {
    let database = database();
    let (proxy, db) = proxied(&database).await;
    let row = file(&db, "alice", 5).await;
    proxy.set(TcpFault::Delay(Duration::from_secs(2)));
    let alice = user("alice");
    let dropped = tokio::time::timeout(Duration::from_millis(50), db.usage(&alice)).await;
    assert!(dropped.is_err());
    proxy.set(TcpFault::None);
    assert_eq!(
        db.find_file(&alice, row.id).await.expect("found"),
        Some(row)
    );
    assert_eq!(proxy.connections(), 2);
}

/// One connection for many tasks of many users: no transaction ever runs inside another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_of_many_users_do_not_mix_on_one_connection() {
    let database = database();
    let db = database.db();
    let db = &db;
    let calls = (0..100_u64).map(|at| async move {
        let owner = format!("user{}", at % 10);
        let row = file(db, &owner, at).await;
        let found = db.find_file(&user(&owner), row.id).await.expect("found");
        assert_eq!(found, Some(row));
    });
    futures_util::future::join_all(calls).await;
    for at in 0..10 {
        let usage = checked_usage(&database, &format!("user{at}")).await;
        assert_eq!(usage.files, 10);
    }
}
