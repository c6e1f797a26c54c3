//! Two uploads in one second: the later one is unknown from S3's clock, and known from S3 itself.

use slipway_core::{ObjectKey, StoredObject, Tombstone};
use slipway_db::{Db, Recorded, Usage};
use slipway_testkit::database;

use crate::support::{HERE, checked_usage, key, object, record};

#[tokio::test]
async fn another_etag_of_the_same_second_asks_for_another_look() {
    let database = database();
    let db = database.db();
    let key = key("alice");
    let Recorded::Created(row) = record(&db, &object(&key, 5, "a", 1)).await else {
        panic!("created");
    };
    let other = object(&key, 7, "b", 1);
    assert_eq!(record(&db, &other).await, Recorded::Stale(row.clone()));
    // A HEAD after the row was read reports the same object, so that object is the later one.
    let again = db
        .record_file(&other, &HERE, None, Some(&row))
        .await
        .expect("recorded");
    let Recorded::Updated(row) = again else {
        panic!("updated: {again:?}");
    };
    assert_eq!((row.size, row.etag.as_str()), (7, "b"));
    assert_eq!(
        checked_usage(&database, "alice").await,
        Usage { files: 1, bytes: 7 }
    );
}

/// A rename replaces metadata and keeps bytes, `ETag` and, within a second, the time.
#[tokio::test]
async fn other_metadata_or_another_rule_asks_for_another_look() {
    let database = database();
    let db = database.db();
    let key = key("alice");
    let first = object(&key, 5, "a", 1);
    let Recorded::Created(mut row) = record(&db, &first).await else {
        panic!("created");
    };
    let described = slipway_core::Metadata::from_json(br#"{"a":"1"}"#).expect("metadata");
    let other = slipway_core::Metadata::from_json(br#"{"a":"2"}"#).expect("metadata");
    let rule = slipway_core::RuleName::parse("avatar");
    for (metadata, rule) in [
        (described.clone(), None),
        (other, None),
        (described, rule.clone()),
        (slipway_core::Metadata::default(), rule),
        (slipway_core::Metadata::default(), None),
    ] {
        let changed = StoredObject {
            metadata,
            rule,
            ..first.clone()
        };
        assert_eq!(record(&db, &changed).await, Recorded::Stale(row.clone()));
        let again = db.record_file(&changed, &HERE, None, Some(&row)).await;
        let Recorded::Updated(updated) = again.expect("recorded") else {
            panic!("updated");
        };
        assert!(changed.is_described_by(&updated), "{updated:?}");
        assert_eq!(
            record(&db, &changed).await,
            Recorded::Unchanged(updated.clone())
        );
        row = updated;
    }
}

/// A copy onto itself keeps the `ETag` of an object that was uploaded in a single PUT, and may
/// happen in the second of its upload.
#[tokio::test]
async fn another_name_or_size_for_the_same_etag_asks_for_another_look() {
    let database = database();
    let db = database.db();
    let key = key("alice");
    let Recorded::Created(row) = record(&db, &object(&key, 5, "a", 1)).await else {
        panic!("created");
    };
    let mut renamed = object(&key, 5, "a", 1);
    renamed.file_name = "renamed.txt".to_owned();
    assert_eq!(record(&db, &renamed).await, Recorded::Stale(row.clone()));
    let again = db.record_file(&renamed, &HERE, None, Some(&row)).await;
    let Recorded::Updated(named) = again.expect("recorded") else {
        panic!("updated");
    };
    assert_eq!(named.file_name, "renamed.txt");
    // A caller that saw the row under its first name must not overwrite the second name.
    let mut third = renamed.clone();
    third.file_name = "third.txt".to_owned();
    let late = db.record_file(&third, &HERE, None, Some(&row)).await;
    assert_eq!(late.expect("answered"), Recorded::Stale(named.clone()));
    // A size that was changed in the table is reset to S3's, and the usage follows.
    let larger = object(&key, 6, "a", 1);
    assert_eq!(record(&db, &larger).await, Recorded::Stale(named.clone()));
    let again = db.record_file(&larger, &HERE, None, Some(&named)).await;
    assert!(matches!(again, Ok(Recorded::Updated(_))), "{again:?}");
    assert_eq!(
        checked_usage(&database, "alice").await,
        Usage { files: 1, bytes: 6 }
    );
}

#[tokio::test]
async fn a_row_that_has_changed_since_it_was_seen_is_left_alone() {
    let database = database();
    let db = database.db();
    let key = key("alice");
    let Recorded::Created(seen) = record(&db, &object(&key, 5, "a", 1)).await else {
        panic!("created");
    };
    let Recorded::Updated(row) = record(&db, &object(&key, 6, "c", 2)).await else {
        panic!("updated");
    };
    let late = db
        .record_file(&object(&key, 7, "b", 1), &HERE, None, Some(&seen))
        .await;
    assert_eq!(late.expect("recorded"), Recorded::Unchanged(row));
}

#[tokio::test]
async fn what_s3_says_after_the_row_was_seen_wins_even_if_it_is_older() {
    let database = database();
    let db = database.db();
    let key = key("alice");
    let Recorded::Created(seen) = record(&db, &object(&key, 5, "a", 2)).await else {
        panic!("created");
    };
    // In a versioned bucket, removing the newest version makes an older one current again.
    let back = object(&key, 4, "z", 1);
    assert_eq!(record(&db, &back).await, Recorded::Unchanged(seen.clone()));
    let back = db
        .record_file(&back, &HERE, None, Some(&seen))
        .await
        .expect("recorded");
    assert!(matches!(back, Recorded::Updated(row) if row.etag == "z"));
}

#[tokio::test]
async fn a_refused_upload_of_the_same_second_is_looked_at_again_too() {
    let database = database();
    let db = database.db();
    let key = key("alice");
    let Recorded::Created(row) = record(&db, &object(&key, 5, "a", 1)).await else {
        panic!("created");
    };
    let large = object(&key, 500, "b", 1);
    let stale = db
        .tombstone_refused(&large, &HERE, Tombstone::TooLarge, None)
        .await
        .expect("answered");
    assert_eq!(stale, Recorded::Stale(row.clone()));
    let refused = db
        .tombstone_refused(&large, &HERE, Tombstone::TooLarge, Some(&row))
        .await
        .expect("answered");
    assert_eq!(refused, Recorded::Tombstoned(Tombstone::TooLarge));
}

/// After many uploads in one second, the row describes the last one, whatever the order of the
/// events.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_uploads_in_one_second_end_as_what_s3_has() {
    let database = database();
    for _ in 0..10 {
        let key = key("alice");
        let bucket = std::sync::Mutex::new(object(&key, 0, "0", 1));
        let (bucket, database) = (&bucket, &database);
        let uploads = (1..=8_u64).map(|n| async move {
            let db = database.db();
            // A PUT, and its event.
            *bucket.lock().expect("the bucket") = object(&key_of(bucket), n, &n.to_string(), 1);
            look(&db, bucket).await;
        });
        futures_util::future::join_all(uploads).await;
        let last = bucket.lock().expect("the bucket").clone();
        let state = database.db().find_file(key.owner(), key.id()).await;
        let row = state.expect("found").expect("live");
        assert_eq!((row.etag, row.size), (last.etag, last.size));
    }
    let _ = checked_usage(&database, "alice").await;
}

/// Behaves like a recorder: HEAD, record, and HEAD again while the result is stale.
async fn look(db: &Db, bucket: &std::sync::Mutex<StoredObject>) {
    let mut seen = None;
    for _ in 0..50 {
        let head = bucket.lock().expect("the bucket").clone();
        tokio::task::yield_now().await;
        let recorded = db.record_file(&head, &HERE, None, seen.as_ref()).await;
        match recorded.expect("recorded") {
            Recorded::Stale(row) => seen = Some(row),
            // Over a row that was seen: a third upload may have come in between.
            Recorded::Updated(row) if seen.is_some() => seen = Some(row),
            _ => return,
        }
    }
    panic!("never settled");
}

fn key_of(bucket: &std::sync::Mutex<StoredObject>) -> ObjectKey {
    bucket.lock().expect("the bucket").key.clone()
}
