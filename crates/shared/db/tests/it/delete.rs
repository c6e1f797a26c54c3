//! Deleting: at once, permanently, and only the caller's own files.

use slipway_core::{FileId, Tombstone};
use slipway_db::{Db, FileState, Usage};
use slipway_testkit::database;

use crate::support::{checked_usage, file, hidden, key, object, record, user};

#[tokio::test]
async fn only_what_was_live_and_ones_own_is_deleted() {
    let database = database();
    let db = database.db();
    let (mine, gone) = (file(&db, "alice", 5).await, file(&db, "alice", 7).await);
    let theirs = file(&db, "bob", 9).await;
    let alice = user("alice");
    let first = db.delete_files(&alice, &[gone.id]).await.expect("deleted");
    assert_eq!(first, [hidden(&gone)]);
    let ids = [theirs.id, mine.id, gone.id, FileId::new(), mine.id];
    let second = db.delete_files(&alice, &ids).await.expect("deleted");
    assert_eq!(second, [hidden(&mine)]);
    assert!(
        db.delete_files(&alice, &ids)
            .await
            .expect("deleted")
            .is_empty()
    );
    assert_eq!(checked_usage(&database, "alice").await, Usage::default());
    assert_eq!(
        checked_usage(&database, "bob").await,
        Usage { files: 1, bytes: 9 }
    );
    let state = db.file_state(&user("bob"), theirs.id).await.expect("known");
    assert_eq!(state, FileState::Live(theirs));
}

#[tokio::test]
async fn a_thousand_at_once() {
    let database = database();
    let db = database.db();
    let mut ids = Vec::new();
    for _ in 0..1000 {
        ids.push(file(&db, "alice", 3).await.id);
    }
    assert_eq!(
        checked_usage(&database, "alice").await,
        Usage {
            files: 1000,
            bytes: 3000
        }
    );
    let deleted = db
        .delete_files(&user("alice"), &ids)
        .await
        .expect("deleted");
    let deleted: Vec<FileId> = deleted.into_iter().map(|file| file.id).collect();
    assert_eq!(deleted, ids);
    assert_eq!(checked_usage(&database, "alice").await, Usage::default());
}

/// Overlapping batches in opposite orders: each file is reported by exactly one call, and nothing
/// deadlocks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_deletes_share_the_files_out() {
    let database = database();
    let db = database.db();
    let mut ids = Vec::new();
    for _ in 0..60 {
        ids.push(file(&db, "alice", 3).await.id);
    }
    let alice = user("alice");
    let calls = (0..12).map(|call| {
        let (db, alice, mut ids) = (database.db(), &alice, ids.clone());
        async move {
            if call % 2 == 0 {
                ids.reverse();
            }
            db.delete_files(alice, &ids).await.expect("deleted").len()
        }
    });
    let counts = futures_util::future::join_all(calls).await;
    assert_eq!(counts.iter().sum::<usize>(), 60);
    assert_eq!(checked_usage(&database, "alice").await, Usage::default());
}

/// A delete moves the row within its indexes while an overwrite looks it up there. The overwrite
/// must neither fail nor restore the file. A lookup in one index may then miss the row, and
/// Postgres reports the key as a duplicate in the other index. That costs a retry.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_overwrite_and_a_delete_that_meet_end_in_a_tombstone() {
    let database = database();
    let connections: Vec<Db> = (0..8).map(|_| database.db()).collect();
    let alice = user("alice");
    for _ in 0..250 {
        let key = key("alice");
        let _ = record(&connections[0], &object(&key, 5, "a", 1)).await;
        let (key, alice) = (&key, &alice);
        let work = connections.iter().enumerate().map(|(at, db)| async move {
            if at == 4 {
                let deleted = db.delete_files(alice, &[key.id()]).await;
                assert_eq!(deleted.expect("deleted").len(), 1);
            } else {
                let second = 1 + i64::try_from(at).expect("few");
                let _ = record(db, &object(key, 7, &at.to_string(), second)).await;
            }
        });
        futures_util::future::join_all(work).await;
        let state = connections[0].file_state(alice, key.id()).await;
        assert_eq!(
            state.expect("known"),
            FileState::Tombstone(Tombstone::Deleted)
        );
    }
    assert_eq!(checked_usage(&database, "alice").await, Usage::default());
}
