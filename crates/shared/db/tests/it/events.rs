//! No change of a file without its event, and no event without a change.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use slipway_core::{Crc64Nvme, Metadata, ObjectKey, ScanStatus, StoredObject, Tombstone};
use slipway_db::files::Looked;
use slipway_db::maintain::NewFile;
use slipway_db::{Db, ObjectAddress};
use slipway_testkit::{TestDatabase, database};

use crate::support::{HERE, checked_usage, file, key, object, record, user};

/// An operation that may change a file.
#[derive(Clone, Debug)]
enum Op {
    Record(Object),
    RecordMany(Object),
    /// As a sweep records a file without a row.
    RecordNew(Object),
    Delete,
    Refuse,
    Scan(&'static str, ScanStatus),
    Forget,
}

/// An object, of few different ones, so that many operations are duplicates.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent choice"
)]
struct Object {
    second: i64,
    etag: &'static str,
    size: u64,
    is_renamed: bool,
    has_metadata: bool,
    has_crc: bool,
    is_elsewhere: bool,
    is_refused: bool,
    was_seen: bool,
}

fn an_object() -> impl Strategy<Value = Object> {
    let rare = || prop::bool::weighted(0.2);
    (
        (
            0..2_i64,
            prop_oneof![3 => Just("a"), 1 => Just("b")],
            3..5_u64,
        ),
        (rare(), rare(), rare(), rare(), rare(), any::<bool>()),
    )
        .prop_map(|((second, etag, size), flags)| Object {
            second,
            etag,
            size,
            is_renamed: flags.0,
            has_metadata: flags.1,
            has_crc: flags.2,
            is_elsewhere: flags.3,
            is_refused: flags.4,
            was_seen: flags.5,
        })
}

fn an_op() -> impl Strategy<Value = Op> {
    let etag = || prop_oneof![Just("a"), Just("b")];
    let status = prop::sample::select(ScanStatus::ALL.to_vec());
    prop_oneof![
        6 => an_object().prop_map(Op::Record),
        4 => an_object().prop_map(Op::RecordMany),
        2 => an_object().prop_map(Op::RecordNew),
        1 => Just(Op::Delete),
        1 => Just(Op::Refuse),
        3 => (etag(), status).prop_map(|(etag, status)| Op::Scan(etag, status)),
        1 => Just(Op::Forget),
    ]
}

impl Object {
    fn under(&self, key: &ObjectKey) -> StoredObject {
        let mut object = object(key, self.size, self.etag, self.second);
        if self.is_renamed {
            "renamed.txt".clone_into(&mut object.file_name);
        }
        if self.has_metadata {
            object.metadata = Metadata::from_json(br#"{"a":"1"}"#).expect("metadata");
        }
        object.checksum_crc64nvme = self.has_crc.then_some(Crc64Nvme([7; 8]));
        object
    }

    fn url(&self) -> &'static str {
        if self.is_elsewhere {
            "https://elsewhere.example/a"
        } else {
            HERE.file_url
        }
    }
}

async fn play(db: &Db, key: &ObjectKey, op: &Op) {
    let seen = db.find_file(key.owner(), key.id()).await.expect("answered");
    match op {
        Op::Record(new) => {
            let object = new.under(key);
            let seen = seen.filter(|_| new.was_seen);
            let location = ObjectAddress {
                bucket: HERE.bucket,
                file_url: new.url(),
            };
            let _ = if new.is_refused {
                let why = Tombstone::TypeNotAllowed;
                db.tombstone_refused(&object, &location, why, seen.as_ref())
                    .await
            } else {
                db.record_file(&object, &location, None, seen.as_ref())
                    .await
            }
            .expect("recorded");
        }
        Op::RecordMany(new) => {
            let object = new.under(key);
            let files = [Looked {
                object: &object,
                file_url: new.url(),
                seen: seen.as_ref().filter(|_| new.was_seen),
                refused: new.is_refused.then_some(Tombstone::TooLarge),
            }];
            let recorded = db.try_record_files(key.owner(), &files, HERE.bucket, None);
            recorded.await.expect("recorded").expect("no quota");
        }
        Op::RecordNew(new) => {
            let files = vec![NewFile {
                object: new.under(key),
                file_url: new.url().to_owned(),
            }];
            let recorded = db.record_new_files(files, HERE.bucket, None).await;
            recorded.expect("recorded");
        }
        Op::Delete => {
            let deleted = db.delete_files(key.owner(), &[key.id()]).await;
            deleted.expect("deleted");
        }
        Op::Refuse => {
            if let Some(seen) = seen {
                let refused = db.refuse_recorded(&seen, Tombstone::ChecksumMismatch);
                refused.await.expect("refused");
            }
        }
        Op::Scan(etag, status) => {
            let set = db.set_scan_status(key, etag, *status).await;
            set.expect("set");
        }
        Op::Forget => {
            if let Some(seen) = seen {
                db.forget_missing(key, &seen).await.expect("forgotten");
            }
        }
    }
}

const COMMON: [&str; 11] = [
    "object_key",
    "user_id",
    "file_name",
    "content_type",
    "size",
    "etag",
    "rule",
    "metadata",
    "checksum_sha256",
    "checksum_crc64nvme",
    "upload_timestamp",
];

/// The columns that an event repeats.
fn described(row: &Value) -> Value {
    let columns = COMMON.map(|column| (column.to_owned(), row[column].clone()));
    Value::Object(columns.into_iter().collect())
}

async fn row_of(admin: &tokio_postgres::Client, key: &ObjectKey) -> Option<Value> {
    let sql = "SELECT to_jsonb(f) FROM s3_files AS f WHERE id = $1";
    let row = admin.query_opt(sql, &[&key.id().uuid()]).await;
    row.expect("answered").map(|row| row.get(0))
}

/// The events of a file in the order of their ids: type, detail and file.
async fn events_of(admin: &tokio_postgres::Client, key: &ObjectKey) -> Vec<Value> {
    let sql = "SELECT to_jsonb(e) FROM webhook_events AS e WHERE file_id = $1 ORDER BY id";
    let rows = admin.query(sql, &[&key.id().uuid()]).await;
    let event = |row: &tokio_postgres::Row| {
        let event: Value = row.get(0);
        json!({ "type": event["type"], "detail": event["detail"], "file": described(&event) })
    };
    rows.expect("answered").iter().map(event).collect()
}

/// The event that a change from `before` to `after` must have.
fn expected(before: Option<&Value>, after: Option<&Value>) -> Option<Value> {
    let is_live = |row: &Value| row["deleted_at"].is_null();
    let event = |kind: &str, detail: &Value, row: &Value| json!({ "type": kind, "detail": detail, "file": described(row) });
    // The correction of a row that lacks a checksum is not an event.
    let news = |row: &Value| {
        let mut row = described(row);
        row["checksum_crc64nvme"] = Value::Null;
        row
    };
    match (before, after) {
        (None, None) => None,
        (Some(before), None) => Some(event("file.deleted", &Value::Null, before)),
        (before, Some(after)) if !is_live(after) => {
            let was_live = before.is_none_or(is_live);
            let kind = if after["refused"].is_null() {
                "file.deleted"
            } else {
                "file.refused"
            };
            was_live.then(|| event(kind, &after["refused"], after))
        }
        (Some(before), Some(after)) if news(before) == news(after) => {
            let is_scan = before["scan_status"] != after["scan_status"];
            is_scan.then(|| event("file.scanned", &after["scan_status"], after))
        }
        (_, Some(after)) => Some(event("file.recorded", &Value::Null, after)),
    }
}

/// Every operation runs twice at the same time, as deliveries may.
#[test]
fn each_change_has_exactly_one_event() {
    let database = database();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let [first, second] = [database.db(), database.db()].map(|db| db.with_events(true));
    let config = Config {
        cases: 96,
        failure_persistence: None,
        ..Config::default()
    };
    let admin = runtime.block_on(database.admin());
    let mut seen = BTreeSet::new();
    let played = TestRunner::new(config).run(&vec(an_op(), 1..12), |ops| {
        runtime.block_on(async {
            let key = key("alice");
            let mut events = Vec::new();
            for op in &ops {
                let before = row_of(&admin, &key).await;
                tokio::join!(play(&first, &key, op), play(&second, &key, op));
                let after = row_of(&admin, &key).await;
                events.extend(expected(before.as_ref(), after.as_ref()));
                prop_assert_eq!(&events_of(&admin, &key).await, &events, "{:?}", op);
            }
            Ok(())
        })
    });
    played.expect("each change has its event");
    runtime.block_on(async {
        let sql = "SELECT DISTINCT type FROM webhook_events";
        for row in admin.query(sql, &[]).await.expect("answered") {
            seen.insert(row.get::<_, String>(0));
        }
        checked_usage(&database, "alice").await;
    });
    let all = [
        "file.deleted",
        "file.recorded",
        "file.refused",
        "file.scanned",
    ];
    assert!(seen.iter().eq(all.iter()), "{seen:?}");
}

#[tokio::test]
async fn without_webhooks_there_are_no_events() {
    let database = database();
    let (db, admin) = (database.db(), database.admin().await);
    let key = key("alice");
    let new = Object {
        second: 1,
        etag: "a",
        size: 3,
        is_renamed: false,
        has_metadata: false,
        has_crc: false,
        is_elsewhere: false,
        is_refused: false,
        was_seen: false,
    };
    let scan = Op::Scan("a", ScanStatus::NoThreats);
    for op in [Op::Record(new), scan, Op::Delete] {
        play(&db, &key, &op).await;
    }
    assert_eq!(events_of(&admin, &key).await, [] as [Value; 0]);
}

/// A change and its event are one transaction: if the event cannot be written, nothing changes.
#[tokio::test]
async fn a_change_whose_event_cannot_be_written_is_undone() {
    let database = database();
    let (db, admin) = (database.db().with_events(true), database.admin().await);
    let key = key("alice");
    admin
        .batch_execute("ALTER TABLE webhook_events ADD CONSTRAINT none CHECK (false)")
        .await
        .expect("altered");
    let object = object(&key, 3, "a", 1);
    let recorded = db.record_file(&object, &HERE, None, None).await;
    recorded.expect_err("no event");
    assert_eq!(row_of(&admin, &key).await, None);
    assert_eq!(checked_usage(&database, "alice").await.bytes, 0);
}

/// A delete of many files writes an event for each that was live.
#[tokio::test]
async fn a_delete_of_many_has_an_event_for_each_live_file() {
    let database = database();
    let (db, admin) = (database.db().with_events(true), database.admin().await);
    let mut ids = Vec::new();
    for size in 1..=5 {
        ids.push(file(&db, "alice", size).await.id);
    }
    let bobs = file(&db, "bob", 7).await.id;
    let alice = user("alice");
    db.delete_files(&alice, &ids[..2]).await.expect("deleted");
    ids.push(bobs);
    db.delete_files(&alice, &ids).await.expect("deleted");
    db.delete_files(&alice, &ids).await.expect("again");
    let sql = "SELECT file_id, size FROM webhook_events WHERE type = 'file.deleted' ORDER BY size";
    let rows = admin.query(sql, &[]).await.expect("answered");
    let sizes: Vec<i64> = rows.iter().map(|row| row.get("size")).collect();
    assert_eq!(sizes, [1, 2, 3, 4, 5]);
}

async fn fails(client: &tokio_postgres::Client, sql: &str) -> String {
    let failed = client.batch_execute(sql).await.expect_err(sql);
    let failed = failed.as_db_error().expect("an error of Postgres").clone();
    failed.message().to_owned()
}

/// What an attacker who can run any statement as `slipway_app` can do: add events to their own
/// account, and nothing else.
#[tokio::test]
async fn the_functions_of_the_api_can_only_insert_their_callers_events() {
    let database: TestDatabase = database();
    let (db, admin) = (database.db().with_events(true), database.admin().await);
    let _ = record(&db, &object(&key("bob"), 3, "a", 1)).await;
    let insert = |user: &str, more: &str, value: &str| {
        format!(
            "INSERT INTO webhook_events (id, user_id, type, file_id, object_key, file_name, content_type, size, etag,
                                         metadata, upload_timestamp{more})
             VALUES (gen_random_uuid(), '{user}', 'file.deleted', gen_random_uuid(), 'k', 'n', 't', 1, 'e', '{{}}',
                     now(){value})"
        )
    };
    for setting in [Some("alice"), Some(""), None] {
        admin.batch_execute("RESET ALL").await.expect("reset");
        if let Some(user) = setting {
            let sql = format!("SET app.user_id = '{user}'");
            admin.batch_execute(&sql).await.expect("set");
        }
        admin
            .batch_execute("SET ROLE slipway_app")
            .await
            .expect("set");
        let denied = "permission denied for table webhook_events";
        for sql in [
            "SELECT count(*) FROM webhook_events",
            "UPDATE webhook_events SET type = 'x'",
            "DELETE FROM webhook_events",
            "TRUNCATE webhook_events",
            "COPY webhook_events TO STDOUT",
        ] {
            assert_eq!(fails(&admin, sql).await, denied, "{sql}");
        }
        let wake = fails(&admin, "SELECT * FROM webhook_wake").await;
        assert_eq!(wake, "permission denied for table webhook_wake");
        let forged = fails(&admin, &insert("bob", "", "")).await;
        assert!(forged.contains("row-level security"), "{forged}");
        let late = fails(&admin, &insert("alice", ", due_at", ", now() + '1 year'")).await;
        assert_eq!(late, denied);
        let returning = format!("{} RETURNING id", insert("alice", "", ""));
        assert_eq!(fails(&admin, &returning).await, denied);
        let own = admin.batch_execute(&insert("alice", "", "")).await;
        assert_eq!(
            own.is_ok(),
            setting == Some("alice"),
            "{setting:?}: {own:?}"
        );
    }
}
