//! The detected type and the scan result of a file's bytes.

use slipway_core::{FileName, ObjectKey, ScanStatus, StoredObject};
use slipway_db::maintain::NewFile;
use slipway_db::{Config, Db, Recorded, Scanned};
use slipway_testkit::{TcpProxy, database};

use crate::support::{key, object, record, user};

fn of_type(object: StoredObject, detected: Option<&str>) -> StoredObject {
    StoredObject {
        detected_type: detected.map(str::to_owned),
        ..object
    }
}

/// The live file's detected type and scan status.
async fn known(db: &Db, key: &ObjectKey) -> (Option<String>, Option<ScanStatus>) {
    let row = db.find_file(key.owner(), key.id()).await.expect("answered");
    let row = row.expect("a row");
    (row.detected_type, row.scan_status)
}

async fn set(db: &Db, key: &ObjectKey, etag: &str, status: ScanStatus) -> Scanned {
    db.set_scan_status(key, etag, status)
        .await
        .expect("answered")
}

#[tokio::test]
async fn the_type_goes_with_the_bytes() {
    let database = database();
    let db = database.db();
    let key = key("alice");
    let html = Some("text/html");
    for (etag, second, detected, expected) in [
        ("a", 1, html, html),
        // The same bytes again, recorded without detection.
        ("a", 1, None, html),
        ("a", 2, None, html),
        // Other bytes.
        ("b", 3, Some("image/png"), Some("image/png")),
        ("c", 4, None, None),
        ("d", 5, html, html),
        // An event that arrives late.
        ("b", 3, Some("image/png"), html),
    ] {
        let _ = record(&db, &of_type(object(&key, 5, etag, second), detected)).await;
        let (found, _) = known(&db, &key).await;
        assert_eq!(found.as_deref(), expected, "{etag} {second}");
    }
}

#[tokio::test]
async fn many_at_once_have_their_types() {
    let database = database();
    let db = database.db();
    let keys = [key("alice"), key("bob")];
    let types = [Some("text/html"), None];
    let files = keys.iter().zip(types).map(|(key, detected)| NewFile {
        object: of_type(object(key, 5, "a", 1), detected),
        file_url: "https://uploads.example/a".to_owned(),
    });
    let made = db
        .record_new_files(files.collect(), "uploads", Some(100))
        .await
        .expect("recorded");
    assert_eq!(made.len(), 2);
    for (key, expected) in keys.iter().zip(types) {
        assert_eq!(known(&db, key).await.0.as_deref(), expected);
    }
}

/// Of any two results for the same bytes the same one is kept, in either order.
#[tokio::test]
async fn the_order_of_verdicts_makes_no_difference() {
    let database = database();
    let db = database.db();
    let ascending = [
        ScanStatus::Failed,
        ScanStatus::Unsupported,
        ScanStatus::NoThreats,
        ScanStatus::Threats,
    ];
    for (weight, first) in ascending.into_iter().enumerate() {
        for (other_weight, second) in ascending.into_iter().enumerate() {
            let key = key("alice");
            let _ = record(&db, &object(&key, 5, "a", 1)).await;
            assert_eq!(set(&db, &key, "a", first).await, Scanned::Set);
            let expected = if other_weight > weight {
                Scanned::Set
            } else {
                Scanned::Kept
            };
            assert_eq!(set(&db, &key, "a", second).await, expected);
            let stays = ascending[weight.max(other_weight)];
            assert_eq!(
                known(&db, &key).await.1,
                Some(stays),
                "{first:?} {second:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_verdict_is_on_the_bytes_of_its_etag() {
    let database = database();
    let db = database.db();
    let key = key("alice");
    let clean = ScanStatus::NoThreats;
    assert_eq!(set(&db, &key, "a", clean).await, Scanned::Stale);
    let _ = record(&db, &object(&key, 5, "a", 1)).await;
    assert_eq!(set(&db, &key, "b", clean).await, Scanned::Stale);
    assert_eq!(known(&db, &key).await.1, None);
    assert_eq!(set(&db, &key, "a", clean).await, Scanned::Set);
    // A duplicate, and the same bytes again, change nothing about it.
    let _ = record(&db, &object(&key, 5, "a", 1)).await;
    let _ = record(&db, &object(&key, 5, "a", 2)).await;
    assert_eq!(known(&db, &key).await.1, Some(clean));
    // Other bytes have not been scanned, whatever the result for the first ones was, even a threat.
    assert_eq!(set(&db, &key, "a", ScanStatus::Threats).await, Scanned::Set);
    let Recorded::Updated(row) = record(&db, &object(&key, 5, "b", 3)).await else {
        panic!("updated");
    };
    assert_eq!(row.scan_status, None);
    assert_eq!(set(&db, &key, "a", clean).await, Scanned::Stale);
    assert_eq!(set(&db, &key, "b", clean).await, Scanned::Set);
    // Another key with the same id is not the file.
    let other = FileName::parse("other.txt").expect("a name");
    let other = ObjectKey::new(user("alice"), key.id(), &other);
    let threats = ScanStatus::Threats;
    assert_eq!(set(&db, &other, "b", threats).await, Scanned::Stale);
    assert_eq!(known(&db, &key).await.1, Some(clean));
    // A deleted file accepts no scan result either.
    db.delete_files(&user("alice"), &[key.id()])
        .await
        .expect("deleted");
    assert_eq!(set(&db, &key, "b", threats).await, Scanned::Stale);
}

/// The conditions on key and owner are rewritten to match any row on the way to the server. Only
/// row-level security is left.
#[tokio::test]
async fn nobody_speaks_of_anothers_file() {
    let database = database();
    let theirs = key("bob");
    let _ = record(&database.db(), &object(&theirs, 5, "a", 1)).await;
    let mine = FileName::parse("a.txt").expect("a name");
    let mine = ObjectKey::new(user("alice"), theirs.id(), &mine);
    let (asked, taken_out) = (
        "user_id = $1 AND id = $2 AND object_key = $3",
        "$1 <> 'nobody' AND id = $2 AND '' <> $3     ",
    );
    let proxy = TcpProxy::rewriting(database.server().port(), asked, taken_out).await;
    let config = Config::parse("DATABASE_URL", &proxy.through(&database.url())).expect("a URL");
    let db = Db::new(config).expect("a database");
    let threats = ScanStatus::Threats;
    assert_eq!(set(&db, &mine, "a", threats).await, Scanned::Stale);
    assert!(proxy.rewrites() >= 1, "the statement was changed");
    assert_eq!(known(&database.db(), &theirs).await.1, None);
    // The same statement does change the caller's own file.
    let bobs = FileName::parse("a.txt").expect("a name");
    let bobs = ObjectKey::new(user("bob"), theirs.id(), &bobs);
    assert_eq!(set(&db, &bobs, "a", threats).await, Scanned::Set);
}
