//! The quota: exact at the record step, and never an obstacle to smaller usage.

use slipway_core::{StoredObject, Tombstone};
use slipway_db::{Db, FileState, Recorded, Usage};
use slipway_testkit::database;

use crate::support::{HERE, checked_usage, key, object, user};

async fn within(db: &Db, object: &StoredObject, quota: Option<u64>) -> Recorded {
    db.record_file(object, &HERE, quota, None)
        .await
        .expect("recorded")
}

#[tokio::test]
async fn the_last_byte_fits_and_the_next_does_not() {
    let database = database();
    let db = database.db();
    let first = object(&key("alice"), 60, "a", 1);
    let exact = object(&key("alice"), 40, "a", 1);
    let empty = object(&key("alice"), 0, "a", 1);
    let over = object(&key("alice"), 1, "a", 1);
    for fits in [&first, &exact, &empty] {
        assert!(matches!(
            within(&db, fits, Some(100)).await,
            Recorded::Created(_)
        ));
    }
    assert_eq!(
        within(&db, &over, Some(100)).await,
        Recorded::Tombstoned(Tombstone::OverQuota)
    );
    // It is a tombstone, so another delivery does not bring it in when there is room.
    let _ = db
        .delete_files(&user("alice"), &[first.key.id()])
        .await
        .expect("deleted");
    assert_eq!(
        within(&db, &over, Some(100)).await,
        Recorded::Tombstoned(Tombstone::OverQuota)
    );
    assert_eq!(
        checked_usage(&database, "alice").await,
        Usage {
            files: 2,
            bytes: 40
        }
    );
    // Others have a quota of their own.
    assert!(matches!(
        within(&db, &object(&key("bob"), 100, "a", 1), Some(100)).await,
        Recorded::Created(_)
    ));
}

#[tokio::test]
async fn an_overwrite_that_does_not_fit_takes_the_file_along() {
    let database = database();
    let db = database.db();
    let (kept, key) = (key("alice"), key("alice"));
    let _ = within(&db, &object(&kept, 50, "a", 1), Some(100)).await;
    let _ = within(&db, &object(&key, 50, "a", 1), Some(100)).await;
    // The bucket has lost the first upload under this key already.
    assert_eq!(
        within(&db, &object(&key, 51, "b", 2), Some(100)).await,
        Recorded::Tombstoned(Tombstone::OverQuota)
    );
    let state = db
        .file_state(&user("alice"), key.id())
        .await
        .expect("known");
    assert_eq!(state, FileState::Tombstone(Tombstone::OverQuota));
    assert_eq!(
        checked_usage(&database, "alice").await,
        Usage {
            files: 1,
            bytes: 50
        }
    );
}

#[tokio::test]
async fn a_lowered_quota_lets_files_shrink_and_go() {
    let database = database();
    let db = database.db();
    let key = key("alice");
    let other = object(&crate::support::key("alice"), 30, "a", 1);
    let _ = within(&db, &object(&key, 60, "a", 1), Some(100)).await;
    let _ = within(&db, &other, Some(100)).await;
    // 90 bytes, and from now on 50 are allowed.
    let smaller = within(&db, &object(&key, 55, "b", 2), Some(50)).await;
    assert!(matches!(smaller, Recorded::Updated(_)), "{smaller:?}");
    let same_size = within(&db, &object(&key, 55, "c", 3), Some(50)).await;
    assert!(matches!(same_size, Recorded::Updated(_)), "{same_size:?}");
    let duplicate = within(&db, &other, Some(50)).await;
    assert!(matches!(duplicate, Recorded::Unchanged(_)), "{duplicate:?}");
    let empty = within(
        &db,
        &object(&crate::support::key("alice"), 0, "a", 1),
        Some(50),
    )
    .await;
    assert!(matches!(empty, Recorded::Created(_)), "{empty:?}");
    let larger = object(&crate::support::key("alice"), 1, "a", 1);
    assert_eq!(
        within(&db, &larger, Some(50)).await,
        Recorded::Tombstoned(Tombstone::OverQuota)
    );
    assert_eq!(
        checked_usage(&database, "alice").await,
        Usage {
            files: 3,
            bytes: 85
        }
    );
    let deleted = db
        .delete_files(&user("alice"), &[other.key.id()])
        .await
        .expect("deleted");
    assert_eq!(deleted.len(), 1);
    assert_eq!(
        checked_usage(&database, "alice").await,
        Usage {
            files: 2,
            bytes: 55
        }
    );
}

#[tokio::test]
async fn a_quota_can_be_raised_and_taken_away() {
    let database = database();
    let db = database.db();
    let file = |size| object(&key("alice"), size, "a", 1);
    assert!(matches!(
        within(&db, &file(50), Some(50)).await,
        Recorded::Created(_)
    ));
    assert!(matches!(
        within(&db, &file(50), Some(100)).await,
        Recorded::Created(_)
    ));
    assert_eq!(
        within(&db, &file(1), Some(100)).await,
        Recorded::Tombstoned(Tombstone::OverQuota)
    );
    assert!(matches!(
        within(&db, &file(1000), None).await,
        Recorded::Created(_)
    ));
    assert_eq!(
        within(&db, &file(1), Some(100)).await,
        Recorded::Tombstoned(Tombstone::OverQuota)
    );
    assert_eq!(
        checked_usage(&database, "alice").await,
        Usage {
            files: 3,
            bytes: 1100
        }
    );
}

/// Two hundred concurrent uploads with room for fifty: exactly fifty fit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quota_is_exact_under_concurrency() {
    let database = database();
    let connections: Vec<Db> = (0..20).map(|_| database.db()).collect();
    let uploads = (0..200).map(|at| {
        let db = &connections[at % connections.len()];
        async move { within(db, &object(&key("alice"), 10, "a", 1), Some(500)).await }
    });
    let outcomes = futures_util::future::join_all(uploads).await;
    let count = |wanted: fn(&Recorded) -> bool| outcomes.iter().filter(|o| wanted(o)).count();
    assert_eq!(count(|outcome| matches!(outcome, Recorded::Created(_))), 50);
    assert_eq!(
        count(|outcome| *outcome == Recorded::Tombstoned(Tombstone::OverQuota)),
        150
    );
    assert_eq!(
        checked_usage(&database, "alice").await,
        Usage {
            files: 50,
            bytes: 500
        }
    );
}

/// The statement for objects without a row writes the same as the general one, and otherwise
/// nothing.
#[tokio::test]
async fn a_created_file_is_the_recorded_one_or_nothing_happens() {
    let database = database();
    let db = database.db();
    let create = async |object: &StoredObject, quota| {
        let created = db.try_create_file(object, &HERE, quota).await;
        created.expect("answered")
    };
    let mut first = object(&key("alice"), 60, "a", 1);
    first.detected_type = Some("text/html".to_owned());
    first.checksum_crc64nvme = Some(slipway_core::Crc64Nvme([7; 8]));
    let row = create(&first, Some(100)).await.expect("created");
    assert!(first.is_described_by(&row));
    assert_eq!(
        within(&db, &first, Some(100)).await,
        Recorded::Unchanged(row.clone())
    );
    // It leaves a row as it is, also if the object is a later one.
    let later = object(&first.key, 5, "b", 2);
    for again in [&first, &later] {
        assert_eq!(create(again, Some(100)).await, None);
    }
    let usage = Usage {
        files: 1,
        bytes: 60,
    };
    assert_eq!(checked_usage(&database, "alice").await, usage);
    // Bytes over the quota, a tombstone, and an id of another user.
    assert_eq!(
        create(&object(&key("alice"), 41, "a", 1), Some(100)).await,
        None
    );
    let exact = object(&key("alice"), 40, "a", 1);
    let created = create(&exact, Some(100)).await.expect("created");
    let alice = user("alice");
    let _ = db
        .delete_files(&alice, &[created.id])
        .await
        .expect("deleted");
    assert_eq!(create(&exact, None).await, None);
    let name = slipway_core::FileName::parse("a").expect("a name");
    let bobs = slipway_core::ObjectKey::new(user("bob"), row.id, &name);
    assert_eq!(create(&object(&bobs, 1, "a", 1), None).await, None);
    assert_eq!(checked_usage(&database, "alice").await, usage);
    assert_eq!(checked_usage(&database, "bob").await, Usage::default());
    // Empty files fit into a full quota, and a quota that was lowered refuses every growth.
    let empty = object(&key("alice"), 0, "a", 1);
    assert!(create(&empty, Some(10)).await.is_some());
    assert_eq!(
        create(&object(&key("alice"), 1, "a", 1), Some(10)).await,
        None
    );
}
