//! Rows of multipart uploads: open until recorded or given up, and safe to write twice.

use slipway_db::{Config, Db, Recorded};
use slipway_testkit::{TcpFault, TcpProxy, database};

use crate::support::{add, key, object, record, upload, user};

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
