//! The record step: duplicates, overwrites, late deliveries, tombstones.

use slipway_core::{Code, FileId, FileName, ObjectKey, Sha256, Tombstone};
use slipway_db::{FileState, Recorded, Usage};
use slipway_testkit::database;

use crate::support::{HERE, checked_usage, key, object, record, user};

#[tokio::test]
async fn a_row_says_what_s3_said() {
    let database = database();
    let db = database.db();
    let mut object = object(&key("alice"), 5, "5d41402abc4b2a76b9719d911017c592", 1);
    object.checksum_sha256 = Some(Sha256([7; 32]));
    let Recorded::Created(row) = record(&db, &object).await else {
        panic!("created");
    };
    assert_eq!(row.id, object.key.id());
    assert_eq!(row.object_key, object.key);
    assert_eq!(*row.object_key.owner(), user("alice"));
    assert_eq!(row.file_name, object.file_name);
    assert_eq!(row.content_type, "text/plain");
    assert_eq!(row.detected_type, None);
    assert_eq!((row.size, &row.etag), (5, &object.etag));
    assert_eq!(row.checksum_sha256, object.checksum_sha256);
    assert_eq!(row.uploaded_at, object.last_modified);
    let found = db.find_file(&user("alice"), row.id).await.expect("found");
    assert_eq!(found, Some(row));
}

#[tokio::test]
async fn a_duplicate_changes_nothing() {
    let database = database();
    let db = database.db();
    let object = object(&key("alice"), 5, "a", 1);
    let Recorded::Created(row) = record(&db, &object).await else {
        panic!("created");
    };
    for _ in 0..3 {
        assert_eq!(record(&db, &object).await, Recorded::Unchanged(row.clone()));
    }
    assert_eq!(
        checked_usage(&database, "alice").await,
        Usage { files: 1, bytes: 5 }
    );
}

#[tokio::test]
async fn a_later_upload_wins_in_any_order() {
    let database = database();
    let db = database.db();
    let key = key("alice");
    let (first, second) = (object(&key, 5, "a", 1), object(&key, 3, "b", 2));
    let _ = record(&db, &first).await;
    let Recorded::Updated(row) = record(&db, &second).await else {
        panic!("updated");
    };
    assert_eq!((row.size, row.etag.as_str()), (3, "b"));
    assert_eq!(record(&db, &first).await, Recorded::Unchanged(row));
    assert_eq!(
        checked_usage(&database, "alice").await,
        Usage { files: 1, bytes: 3 }
    );
}

#[tokio::test]
async fn the_same_bytes_again_keep_an_upload_in_between_out() {
    let database = database();
    let db = database.db();
    let key = key("alice");
    let _ = record(&db, &object(&key, 5, "a", 1)).await;
    let Recorded::Updated(row) = record(&db, &object(&key, 5, "a", 3)).await else {
        panic!("its time moves");
    };
    // Its HEAD was made between the two, and its event arrives last.
    let late = record(&db, &object(&key, 9, "b", 2)).await;
    assert_eq!(late, Recorded::Unchanged(row));
    assert_eq!(
        checked_usage(&database, "alice").await,
        Usage { files: 1, bytes: 5 }
    );
}

#[tokio::test]
async fn a_tombstone_stays() {
    let database = database();
    let db = database.db();
    let key = key("alice");
    let _ = record(&db, &object(&key, 5, "a", 1)).await;
    let deleted = db
        .delete_files(&user("alice"), &[key.id()])
        .await
        .expect("deleted");
    assert_eq!(deleted.len(), 1);
    assert_eq!(deleted[0].key, key);
    for again in [object(&key, 5, "a", 1), object(&key, 7, "b", 9)] {
        assert_eq!(
            record(&db, &again).await,
            Recorded::Tombstoned(Tombstone::Deleted)
        );
    }
    let state = db
        .file_state(&user("alice"), key.id())
        .await
        .expect("known");
    assert_eq!(state, FileState::Tombstone(Tombstone::Deleted));
    assert_eq!(checked_usage(&database, "alice").await, Usage::default());
}

#[tokio::test]
async fn what_is_refused_becomes_a_tombstone() {
    let database = database();
    let db = database.db();
    let refuse = async |object: &_, seen| {
        db.tombstone_refused(object, &HERE, Tombstone::TooLarge, seen)
            .await
            .expect("refused")
    };
    // Never seen before.
    let fresh = object(&key("alice"), 5, "a", 1);
    assert_eq!(
        refuse(&fresh, None).await,
        Recorded::Tombstoned(Tombstone::TooLarge)
    );
    assert_eq!(
        refuse(&fresh, None).await,
        Recorded::Tombstoned(Tombstone::TooLarge)
    );
    assert_eq!(
        record(&db, &fresh).await,
        Recorded::Tombstoned(Tombstone::TooLarge)
    );
    // Over a file that lived: its bytes are gone from the bucket, so they no longer count.
    let key = key("alice");
    let _ = record(&db, &object(&key, 5, "a", 1)).await;
    assert_eq!(
        refuse(&object(&key, 500, "b", 2), None).await,
        Recorded::Tombstoned(Tombstone::TooLarge)
    );
    assert_eq!(checked_usage(&database, "alice").await, Usage::default());
}

#[tokio::test]
async fn a_tombstone_keeps_the_reason_of_its_refusal() {
    let database = database();
    let db = database.db();
    for why in [
        Tombstone::TooLarge,
        Tombstone::OverQuota,
        Tombstone::TypeNotAllowed,
    ] {
        let key = key("alice");
        let object = object(&key, 5, "a", 1);
        let refused = db.tombstone_refused(&object, &HERE, why, None).await;
        assert_eq!(refused.expect("refused"), Recorded::Tombstoned(why));
        let state = db.file_state(key.owner(), key.id()).await.expect("known");
        assert_eq!(state, FileState::Tombstone(why));
        assert_eq!(record(&db, &object).await, Recorded::Tombstoned(why));
    }
}

#[tokio::test]
async fn what_was_accepted_is_not_refused_later() {
    let database = database();
    let db = database.db();
    let key = key("alice");
    let (old, new) = (object(&key, 500, "a", 1), object(&key, 5, "b", 2));
    let Recorded::Created(row) = record(&db, &old).await else {
        panic!("created");
    };
    // The limit was lowered since, and the event comes again.
    let kept = db
        .tombstone_refused(&old, &HERE, Tombstone::TooLarge, None)
        .await
        .expect("kept");
    assert_eq!(kept, Recorded::Unchanged(row));
    // The event of a refused upload arrives after that of a later, accepted one.
    let Recorded::Updated(row) = record(&db, &new).await else {
        panic!("updated");
    };
    let kept = db
        .tombstone_refused(&old, &HERE, Tombstone::TooLarge, None)
        .await
        .expect("kept");
    assert_eq!(kept, Recorded::Unchanged(row));
}

/// The limit or the list of types was changed since: only more bytes or another type are refused.
#[tokio::test]
async fn a_live_file_is_refused_only_for_more_bytes_or_another_type() {
    let database = database();
    let db = database.db();
    let refuse = async |object: &_, seen: Option<&_>| {
        let why = Tombstone::TooLarge;
        let refused = db.tombstone_refused(object, &HERE, why, seen);
        refused.await.expect("answered")
    };
    let key = key("alice");
    let _ = record(&db, &object(&key, 50, "a", 1)).await;
    // Restored by copy, renamed, replaced by fewer bytes, restored to an older version.
    let copied = object(&key, 50, "a", 2);
    let mut renamed = object(&key, 50, "a", 3);
    renamed.file_name = "renamed.txt".to_owned();
    let smaller = object(&key, 49, "b", 4);
    for later in [&copied, &renamed, &smaller] {
        let Recorded::Updated(row) = refuse(later, None).await else {
            panic!("kept, and recorded");
        };
        assert!(later.is_described_by(&row));
        assert_eq!(refuse(later, None).await, Recorded::Unchanged(row));
    }
    let seen = db.find_file(&user("alice"), key.id()).await.expect("found");
    let older = object(&key, 48, "c", 0);
    let kept = refuse(&older, seen.as_ref()).await;
    assert!(matches!(kept, Recorded::Updated(_)), "{kept:?}");
    assert_eq!(
        checked_usage(&database, "alice").await,
        Usage {
            files: 1,
            bytes: 48
        }
    );
    let mut other_type = object(&key, 48, "c", 5);
    other_type.content_type = "text/html".to_owned();
    for refused in [object(&key, 49, "d", 5), other_type] {
        assert_eq!(
            refuse(&refused, None).await,
            Recorded::Tombstoned(Tombstone::TooLarge)
        );
        assert_eq!(checked_usage(&database, "alice").await, Usage::default());
        let _ = db
            .purge_tombstones(&[key.id()], std::time::Duration::ZERO)
            .await;
        let _ = record(&db, &object(&key, 48, "c", 1)).await;
    }
}

/// A deployment that failed over to another bucket, or has another public URL: one statement,
/// without a second HEAD.
#[tokio::test]
async fn a_row_that_names_another_place_is_corrected() {
    let database = database();
    let db = database.db();
    let file = object(&key("alice"), 5, "a", 1);
    let _ = record(&db, &file).await;
    let there = slipway_db::ObjectAddress {
        bucket: "replica",
        file_url: "https://replica.example/a",
    };
    for outcome in ["updated", "unchanged"] {
        let recorded = db.record_file(&file, &there, Some(1), None).await;
        match recorded.expect("recorded") {
            Recorded::Updated(_) if outcome == "updated" => {}
            Recorded::Unchanged(_) if outcome == "unchanged" => {}
            other => panic!("{outcome}: {other:?}"),
        }
        let sql = "SELECT bucket, file_url FROM s3_files";
        let row = database.admin().await.query_one(sql, &[]).await;
        let row = row.expect("a row");
        let found: (&str, &str) = (row.get(0), row.get(1));
        assert_eq!(found, (there.bucket, there.file_url));
    }
    // Another object of the same second still needs another HEAD before it is recorded.
    let other = object(&file.key, 5, "b", 1);
    let stale = record(&db, &other).await;
    assert!(matches!(stale, Recorded::Stale(_)), "{stale:?}");
}

#[tokio::test]
async fn an_id_belongs_to_one_key() {
    let database = database();
    let db = database.db();
    let mine = key("alice");
    let _ = record(&db, &object(&mine, 5, "a", 1)).await;
    let other = FileName::parse("other.txt").expect("a name");
    for key in [
        ObjectKey::new(user("alice"), mine.id(), &other),
        ObjectKey::new(user("bob"), mine.id(), &other),
    ] {
        let error = db
            .record_file(&object(&key, 9, "b", 9), &HERE, None, None)
            .await
            .expect_err("somebody else's id");
        assert_eq!(error.code(), Code::InvalidKey);
    }
    assert_eq!(
        checked_usage(&database, "alice").await,
        Usage { files: 1, bytes: 5 }
    );
    assert_eq!(checked_usage(&database, "bob").await, Usage::default());
}

#[tokio::test]
async fn a_row_without_an_object_is_forgotten_once() {
    let database = database();
    let db = database.db();
    let key = key("alice");
    let Recorded::Created(seen) = record(&db, &object(&key, 5, "a", 1)).await else {
        panic!("created");
    };
    // It was uploaded again after it was found missing.
    let Recorded::Updated(now) = record(&db, &object(&key, 6, "b", 2)).await else {
        panic!("updated");
    };
    assert!(!db.forget_missing(&key, &seen).await.expect("answered"));
    assert!(db.forget_missing(&key, &now).await.expect("answered"));
    assert!(!db.forget_missing(&key, &now).await.expect("answered"));
    let state = db
        .file_state(&user("alice"), key.id())
        .await
        .expect("known");
    assert_eq!(state, FileState::Unknown);
    assert_eq!(checked_usage(&database, "alice").await, Usage::default());
    let none = db
        .find_file(&user("alice"), FileId::new())
        .await
        .expect("answered");
    assert_eq!(none, None);
}
