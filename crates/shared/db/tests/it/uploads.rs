//! Rows of multipart uploads: open until recorded or aborted, and safe to write twice.

use slipway_core::Code;
use slipway_db::{Config, Db, Holdings, Recorded};
use slipway_testkit::{TcpFault, TcpProxy, TestDatabase, database};

use crate::support::{add, key, object, record, try_add, upload, user};

#[tokio::test]
async fn an_upload_is_open_until_its_file_is_recorded() {
    let database = database();
    let db = database.db();
    let (alice, key) = (user("alice"), key("alice"));
    add(&db, &key).await;
    let found = db.find_upload(&alice, key.id()).await.expect("answered");
    let found = found.expect("a row");
    assert!(found.open);
    assert_eq!(found.object_key, key);
    assert_eq!(found.upload_id, "an id of S3's");
    assert_eq!(found.file_name, "Über größe.txt");
    assert_eq!((found.parts.size(), found.parts.count()), (6_000_000, 2));

    let recorded = record(&db, &object(&key, 6_000_000, "a-2", 1)).await;
    assert!(matches!(recorded, Recorded::Created(_)));
    let found = db.find_upload(&alice, key.id()).await.expect("answered");
    assert!(!found.expect("its row stays").open);
    let page = db.list_uploads(&alice, None, 10).await.expect("listed");
    assert!(page.uploads.is_empty() && page.next.is_none());
    db.forget_upload(&alice, key.id()).await.expect("forgotten");
    let found = db.find_upload(&alice, key.id()).await.expect("answered");
    assert_eq!(found, None);
}

#[tokio::test]
async fn giving_up_is_remembered() {
    let database = database();
    let db = database.db();
    let alice = user("alice");
    let id = upload(&db, "alice").await;
    for _ in 0..2 {
        let marked = db.mark_aborted(&alice, id).await.expect("answered");
        assert!(!marked.expect("a row").open);
    }
    let found = db.find_upload(&alice, id).await.expect("answered");
    assert!(!found.expect("a row").open);
    let page = db.list_uploads(&alice, None, 10).await.expect("listed");
    assert!(page.uploads.is_empty());
}

#[tokio::test]
async fn pages_are_newest_first_and_end() {
    let database = database();
    let db = database.db();
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(upload(&db, "alice").await);
    }
    ids.reverse();
    let alice = user("alice");
    let first = db.list_uploads(&alice, None, 2).await.expect("listed");
    let second = db
        .list_uploads(&alice, first.next, 2)
        .await
        .expect("listed");
    assert_eq!((first.next, second.next), (Some(ids[1]), None));
    let pages = first.uploads.iter().chain(&second.uploads);
    assert_eq!(pages.map(|upload| upload.id).collect::<Vec<_>>(), ids);
}

#[tokio::test]
async fn one_whose_commit_was_not_heard_is_kept_once() {
    let database = database();
    let proxy = TcpProxy::start(database.server().port()).await;
    let config = Config::parse("DATABASE_URL", &proxy.through(&database.url())).expect("a URL");
    let db = Db::new(config).expect("a database");
    db.warm_up().await;
    for fault in [
        TcpFault::LoseResponse(b"COMMIT\0"),
        TcpFault::LoseRequest(b"COMMIT"),
    ] {
        proxy.set(fault);
        let id = upload(&db, "alice").await;
        let found = db.find_upload(&user("alice"), id).await.expect("answered");
        assert!(found.expect("a row").open);
    }
    assert_eq!(proxy.connections(), 3, "each was retried");
}

/// The uploads that count against the limit and the quota, in every state of an upload.
#[tokio::test]
async fn only_open_uploads_are_pending() {
    let database = database();
    let db = database.db();
    let (alice, bob) = (user("alice"), user("bob"));
    let pending = async |user| db.holdings(user).await.expect("answered").pending_bytes;
    assert_eq!(
        db.holdings(&alice).await.expect("answered"),
        Holdings::default()
    );
    let ids = [
        upload(&db, "alice").await,
        upload(&db, "alice").await,
        upload(&db, "alice").await,
    ];
    upload(&db, "bob").await;
    assert_eq!(
        (pending(&alice).await, pending(&bob).await),
        (18_000_000, 6_000_000)
    );
    db.mark_aborted(&alice, ids[0]).await.expect("answered");
    assert_eq!(pending(&alice).await, 12_000_000);
    db.forget_upload(&alice, ids[1]).await.expect("forgotten");
    assert_eq!(pending(&alice).await, 6_000_000);

    // A recorded one counts as a file, and as nothing once that is a tombstone.
    let key = key("alice");
    add(&db, &key).await;
    assert_eq!(pending(&alice).await, 12_000_000);
    let _ = record(&db, &object(&key, 6_000_000, "a-2", 1)).await;
    let held = db.holdings(&alice).await.expect("answered");
    assert_eq!(
        (held.stored.bytes, held.pending_bytes),
        (6_000_000, 6_000_000)
    );
    assert_eq!(held.stored, db.usage(&alice).await.expect("answered"));
    let _ = db.delete_files(&alice, &[key.id()]).await.expect("deleted");
    let held = db.holdings(&alice).await.expect("answered");
    assert_eq!((held.stored.bytes, held.pending_bytes), (0, 6_000_000));
    assert_eq!(pending(&bob).await, 6_000_000);
}

/// Rows as deployments from before the limit may have them: more than are allowed now, and each as
/// large as S3 allows.
async fn many(database: &TestDatabase, owner: &str, count: i64, size: i64) {
    let sql = "INSERT INTO multipart_uploads
            (id, user_id, object_key, upload_id, file_name, content_type, size, part_size)
        SELECT gen_random_uuid(), $1, n::text, 'x', 'a', 'a/b', $3, 5368709120 FROM generate_series(1, $2::bigint) AS n";
    let admin = database.admin().await;
    let inserted = admin.execute(sql, &[&owner, &count, &size]).await;
    inserted.expect("inserted");
}

#[tokio::test]
async fn a_sum_over_all_numbers_is_the_largest_of_them() {
    let database = database();
    many(&database, "alice", 3, i64::MAX / 2).await;
    let held = database.db().holdings(&user("alice")).await;
    assert_eq!(
        held.expect("answered").pending_bytes,
        i64::MAX.cast_unsigned()
    );
}

#[tokio::test]
async fn an_upload_over_the_limit_is_not_kept_and_one_that_is_there_is_not_counted_twice() {
    let database = database();
    let db = database.db();
    many(&database, "alice", 999, 1).await;
    let last = key("alice");
    // As after a lost answer.
    for _ in 0..3 {
        add(&db, &last).await;
    }
    let refused = key("alice");
    let error = try_add(&db, &refused).await.expect_err("one too many");
    assert_eq!(error.code(), Code::TooManyUploads);
    let found = db.find_upload(&user("alice"), refused.id()).await;
    assert_eq!(found.expect("answered"), None);
    // Far over it as well.
    many(&database, "alice", 500, 1).await;
    try_add(&db, &refused).await.expect_err("many too many");
    // A second attempt finds the row of the first, although others have taken the rest.
    try_add(&db, &last).await.expect("it is there");
    try_add(&db, &key("bob")).await.expect("bob has none");
    db.mark_aborted(&user("alice"), last.id())
        .await
        .expect("answered");
    try_add(&db, &refused).await.expect_err("still too many");
}

/// Connections of their own, so that inserts run at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_is_exact_whoever_is_first() {
    let database = database();
    many(&database, "alice", 990, 1).await;
    let connections: Vec<Db> = (0..8).map(|_| database.db()).collect();
    let adds = connections.iter().map(|db| async move {
        let mut kept = 0;
        for _ in 0..5 {
            match try_add(db, &key("alice")).await {
                Ok(()) => kept += 1,
                Err(error) => assert_eq!(error.code(), Code::TooManyUploads, "{error}"),
            }
        }
        kept
    });
    let kept: Vec<i32> = futures_util::future::join_all(adds).await;
    assert_eq!(kept.iter().sum::<i32>(), 10);
    let held = database
        .db()
        .holdings(&user("alice"))
        .await
        .expect("answered");
    assert_eq!(held.pending_bytes, 990 + 10 * 6_000_000);
}

/// A client that begins and aborts all day must not make every count slower.
#[tokio::test]
async fn aborted_uploads_are_not_looked_at() {
    let database = database();
    many(&database, "alice", 5_000, 1).await;
    let admin = database.admin().await;
    let sql = "UPDATE multipart_uploads SET aborted_at = now() WHERE object_key::bigint > 10";
    admin.batch_execute(sql).await.expect("aborted");
    admin
        .batch_execute("VACUUM ANALYZE multipart_uploads")
        .await
        .expect("analysed");
    let sql = "EXPLAIN SELECT sum(size) FROM multipart_uploads AS m WHERE user_id = 'alice' AND aborted_at IS NULL
        AND NOT EXISTS (SELECT FROM s3_files AS f WHERE user_id = 'alice' AND f.id = m.id)";
    let plan = admin.query(sql, &[]).await.expect("a plan");
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    assert!(plan.contains("multipart_uploads_open"), "{plan}");
    let held = database
        .db()
        .holdings(&user("alice"))
        .await
        .expect("answered");
    assert_eq!(held.pending_bytes, 10);
}
