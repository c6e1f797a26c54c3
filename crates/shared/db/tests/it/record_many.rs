//! The record step for many files decides for each file as the record step for one file does.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use slipway_core::{
    Code, Crc64Nvme, FileRow, Metadata, ObjectKey, RuleName, StoredObject, Tombstone,
};
use slipway_db::files::Looked;
use slipway_db::{Db, FileState, Recorded};
use slipway_testkit::database;

use crate::support::{HERE, checked_usage, key, object, user};

/// One operation on a file.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each happens or not, whatever the others do"
)]
#[derive(Clone, Debug)]
struct Op {
    second: i64,
    etag: usize,
    size: u64,
    name: bool,
    metadata: bool,
    rule: bool,
    crc: bool,
    html: bool,
    elsewhere: bool,
    refused: bool,
    seen: bool,
    deleted: bool,
}

/// Most objects differ from the previous one in little or nothing, because the statements have most
/// of their comparisons for that case.
fn op() -> impl Strategy<Value = Op> {
    let some = || prop::bool::weighted(0.3);
    let rare = || prop::bool::weighted(0.1);
    let size = prop_oneof![4 => Just(3_u64), 1 => 0..5_u64];
    (
        (0..2_i64, rare().prop_map(usize::from), size),
        (some(), some(), some(), some()),
        (rare(), rare(), rare(), any::<bool>(), rare()),
    )
        .prop_map(
            |(
                (second, etag, size),
                (name, metadata, rule, crc),
                (html, elsewhere, refused, seen, deleted),
            )| Op {
                second,
                etag,
                size,
                name,
                metadata,
                rule,
                crc,
                html,
                elsewhere,
                refused,
                seen,
                deleted,
            },
        )
}

impl Op {
    fn object(&self, key: &ObjectKey) -> StoredObject {
        let mut object = object(key, self.size, ["a", "b"][self.etag], self.second);
        if self.name {
            "renamed.txt".clone_into(&mut object.file_name);
        }
        if self.metadata {
            object.metadata = Metadata::from_json(br#"{"a":"1"}"#).expect("metadata");
        }
        object.rule = RuleName::parse("avatar").filter(|_| self.rule);
        object.checksum_crc64nvme = self.crc.then_some(Crc64Nvme([7; 8]));
        if self.html {
            "text/html".clone_into(&mut object.content_type);
        }
        object
    }

    fn url(&self) -> &'static str {
        if self.elsewhere {
            "https://elsewhere.example/a"
        } else {
            HERE.file_url
        }
    }

    fn refused(&self) -> Option<Tombstone> {
        self.refused.then_some(Tombstone::TypeNotAllowed)
    }
}

/// The result for a file, without the fields that differ between two owners.
fn outline(recorded: &Recorded) -> String {
    let (what, row) = match recorded {
        Recorded::Created(row) => ("created", row),
        Recorded::Updated(row) => ("updated", row),
        Recorded::Unchanged(row) => ("unchanged", row),
        Recorded::Stale(row) => ("stale", row),
        Recorded::Tombstoned(why) => return format!("{why:?}"),
    };
    let shown = format!("{row:?}");
    let plain = shown.split("file_name").nth(1).expect("a name");
    format!("{what} {plain}")
}

async fn live(db: &Db, key: &ObjectKey) -> Option<FileRow> {
    let found = db.find_file(key.owner(), key.id()).await;
    found.expect("answered")
}

async fn one(db: &Db, key: &ObjectKey, op: &Op) -> String {
    let seen = if op.seen { live(db, key).await } else { None };
    let object = op.object(key);
    let location = slipway_db::ObjectAddress {
        bucket: HERE.bucket,
        file_url: op.url(),
    };
    let recorded = match op.refused() {
        Some(why) => db
            .tombstone_refused(&object, &location, why, seen.as_ref())
            .await
            .expect("answered"),
        None => db
            .record_file(&object, &location, None, seen.as_ref())
            .await
            .expect("answered"),
    };
    outline(&recorded)
}

async fn many(db: &Db, keys: &[ObjectKey], ops: &BTreeMap<usize, Op>) -> Vec<String> {
    let mut objects = Vec::new();
    for (at, op) in ops {
        let key = &keys[*at];
        let seen = if op.seen { live(db, key).await } else { None };
        objects.push((op.object(key), seen, op));
    }
    let files: Vec<Looked<'_>> = objects
        .iter()
        .map(|(object, seen, op)| Looked {
            object,
            file_url: op.url(),
            seen: seen.as_ref(),
            refused: op.refused(),
        })
        .collect();
    let recorded = db
        .try_record_files(keys[0].owner(), &files, HERE.bucket, None)
        .await;
    let recorded = recorded.expect("answered").expect("no quota");
    let outlines = recorded.iter();
    outlines
        .map(|recorded| outline(recorded.as_ref().expect("our own key")))
        .collect()
}

#[test]
fn many_files_become_what_each_alone_becomes() {
    let database = database();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let db = database.db();
    let config = Config {
        cases: 64,
        failure_persistence: None,
        ..Config::default()
    };
    let histories = vec(btree_map(0..3_usize, op(), 1..=3), 1..8);
    let played = TestRunner::new(config).run(&histories, |batches| {
        runtime.block_on(async {
            let alices: Vec<ObjectKey> = (0..3).map(|_| key("alice")).collect();
            let bobs: Vec<ObjectKey> = (0..3).map(|_| key("bob")).collect();
            for ops in &batches {
                let mut alone = Vec::new();
                for (at, op) in ops {
                    alone.push(one(&db, &alices[*at], op).await);
                }
                prop_assert_eq!(many(&db, &bobs, ops).await, alone, "{:?}", ops);
                for (at, _) in ops.iter().filter(|(_, op)| op.deleted) {
                    for key in [&alices[*at], &bobs[*at]] {
                        let deleted = db.delete_files(key.owner(), &[key.id()]).await;
                        deleted.expect("deleted");
                    }
                }
            }
            let alice = checked_usage(&database, "alice").await;
            prop_assert_eq!(alice, checked_usage(&database, "bob").await);
            Ok(())
        })
    });
    played.expect("the same");
}

#[tokio::test]
async fn bytes_over_the_quota_change_nothing_until_some_are_refused() {
    let database = database();
    let db = database.db();
    let (first, second) = (key("alice"), key("alice"));
    let objects = [object(&first, 6, "a", 1), object(&second, 5, "a", 1)];
    let mut files = objects.each_ref().map(|object| Looked {
        object,
        file_url: HERE.file_url,
        seen: None,
        refused: None,
    });
    let alice = user("alice");
    let recorded = db
        .try_record_files(&alice, &files, HERE.bucket, Some(10))
        .await;
    assert!(recorded.expect("answered").is_none());
    assert!(live(&db, &first).await.is_none());
    files[1].refused = Some(Tombstone::OverQuota);
    let recorded = db
        .try_record_files(&alice, &files, HERE.bucket, Some(10))
        .await;
    let recorded = recorded.expect("answered").expect("it fits");
    assert!(matches!(recorded[0], Ok(Recorded::Created(_))));
    assert!(matches!(
        recorded[1],
        Ok(Recorded::Tombstoned(Tombstone::OverQuota))
    ));
    assert_eq!(checked_usage(&database, "alice").await.bytes, 6);
    let states = db
        .file_states(&alice, &[first.id(), second.id(), key("alice").id()])
        .await
        .expect("answered");
    assert_eq!(states.len(), 2);
    assert!(matches!(states[&first.id()], Ok(FileState::Live(_))));
    assert!(matches!(
        states[&second.id()],
        Ok(FileState::Tombstone(Tombstone::OverQuota))
    ));
}

/// One file after the other: a later file that shrinks makes no room for an earlier one.
#[tokio::test]
async fn files_fit_in_their_order_and_not_by_their_sum() {
    let database = database();
    let db = database.db();
    let alice = user("alice");
    let (new, shrunk, grown) = (key("alice"), key("alice"), key("alice"));
    for (key, size) in [(&shrunk, 6), (&grown, 1)] {
        let _ = crate::support::record(&db, &object(key, size, "a", 1)).await;
    }
    let objects = [
        object(&new, 4, "a", 1),
        object(&shrunk, 1, "b", 2),
        object(&grown, 3, "b", 2),
    ];
    // 7 bytes are stored. The sum is 7 + 4 - 5 + 2 = 8, and the highest usage is 11 or 9.
    for (order, quota, fits) in [
        ([0, 1, 2], 10, false),
        ([0, 2, 1], 12, false),
        ([1, 0, 2], 7, false),
        ([1, 2, 0], 8, true),
    ] {
        let files = order.map(|at: usize| Looked {
            object: &objects[at],
            file_url: HERE.file_url,
            seen: None,
            refused: None,
        });
        let recorded = db
            .try_record_files(&alice, &files, HERE.bucket, Some(quota))
            .await;
        let is_recorded = recorded.expect("answered").is_some();
        assert_eq!(is_recorded, fits, "{order:?} {quota}");
        let bytes = if fits { 8 } else { 7 };
        assert_eq!(checked_usage(&database, "alice").await.bytes, bytes);
    }
}

#[tokio::test]
async fn an_id_of_another_user_is_nobodys() {
    let database = database();
    let db = database.db();
    let bobs = key("bob");
    let _ = crate::support::record(&db, &object(&bobs, 5, "a", 1)).await;
    let name = slipway_core::FileName::parse("a").expect("a name");
    let alices = ObjectKey::new(user("alice"), bobs.id(), &name);
    let own = key("alice");
    let objects = [object(&alices, 1, "a", 1), object(&own, 2, "a", 1)];
    let files = objects.each_ref().map(|object| Looked {
        object,
        file_url: HERE.file_url,
        seen: None,
        refused: None,
    });
    let recorded = db
        .try_record_files(&user("alice"), &files, HERE.bucket, None)
        .await;
    let recorded = recorded.expect("answered").expect("no quota");
    let refused = recorded[0].as_ref().expect_err("another's");
    assert_eq!(refused.code(), Code::InvalidKey);
    assert!(matches!(recorded[1], Ok(Recorded::Created(_))));
    assert_eq!(checked_usage(&database, "alice").await.bytes, 2);
    assert_eq!(checked_usage(&database, "bob").await.bytes, 5);
}
