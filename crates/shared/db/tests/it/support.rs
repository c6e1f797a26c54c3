//! Shared helpers: objects as S3 would describe them, and the expected contents of the tables.

use std::io::Write;
use std::sync::{Arc, Mutex};

use slipway_core::{
    Error, FileId, FileName, FileRow, Metadata, ObjectKey, Parts, StoredObject, UserId,
};
use slipway_db::{Db, NewUpload, ObjectAddress, Recorded, Usage};
use slipway_testkit::TestDatabase;
use time::{Duration, OffsetDateTime};
use tracing::instrument::WithSubscriber as _;

/// The location of all objects in these tests.
pub(crate) const HERE: ObjectAddress<'_> = ObjectAddress {
    bucket: "uploads",
    file_url: "https://uploads.example/a",
};

pub(crate) fn user(sub: &str) -> UserId {
    UserId::parse(sub).expect("a sub")
}

pub(crate) fn key(owner: &str) -> ObjectKey {
    let name = FileName::parse("Über größe.txt").expect("a name");
    ObjectKey::new(user(owner), FileId::new(), &name)
}

/// An object under `key`, as S3 had it `second` seconds after the epoch of these tests.
pub(crate) fn object(key: &ObjectKey, size: u64, etag: &str, second: i64) -> StoredObject {
    StoredObject {
        key: key.clone(),
        size,
        etag: etag.to_owned(),
        content_type: "text/plain".to_owned(),
        detected_type: None,
        file_name: "Über größe.txt".to_owned(),
        rule: None,
        metadata: Metadata::default(),
        checksum_sha256: None,
        checksum_crc64nvme: None,
        last_modified: OffsetDateTime::UNIX_EPOCH
            + Duration::days(20_000)
            + Duration::seconds(second),
    }
}

/// Records without a quota and without having seen a row.
pub(crate) async fn record(db: &Db, object: &StoredObject) -> Recorded {
    db.record_file(object, &HERE, None, None)
        .await
        .expect("recorded")
}

/// A file of `owner` with `size` bytes.
pub(crate) async fn file(db: &Db, owner: &str, size: u64) -> FileRow {
    match record(db, &object(&key(owner), size, "a", 1)).await {
        Recorded::Created(row) => row,
        other => panic!("not created: {other:?}"),
    }
}

/// Returns the stored usage, after checking that it equals the sum of the rows.
pub(crate) async fn checked_usage(database: &TestDatabase, owner: &str) -> Usage {
    let rows = database
        .admin()
        .await
        .query(
            "SELECT count(*) FILTER (WHERE deleted_at IS NULL),
                    coalesce(sum(size) FILTER (WHERE deleted_at IS NULL), 0)::bigint
             FROM s3_files WHERE user_id = $1",
            &[&owner],
        )
        .await
        .expect("the sums");
    let (files, bytes): (i64, i64) = (rows[0].get(0), rows[0].get(1));
    let usage = database.db().usage(&user(owner)).await.expect("the usage");
    let counted = (usage.files.cast_signed(), usage.bytes.cast_signed());
    assert_eq!(
        counted,
        (files, bytes),
        "usage is the sum of {owner}'s live rows"
    );
    usage
}

/// An open upload of `owner`, in two parts.
pub(crate) async fn upload(db: &Db, owner: &str) -> FileId {
    let key = key(owner);
    add(db, &key).await;
    key.id()
}

pub(crate) async fn add(db: &Db, key: &ObjectKey) {
    try_add(db, key).await.expect("kept");
}

pub(crate) async fn try_add(db: &Db, key: &ObjectKey) -> Result<(), Error> {
    let upload = NewUpload {
        key,
        upload_id: "an id of S3's",
        file_name: "Über größe.txt",
        content_type: "text/plain",
        rule: None,
        parts: Parts::plan(6_000_000, Some(5_242_880)).expect("a plan"),
    };
    db.add_upload(&upload).await
}

/// Returns the log of `work`, from level debug on.
pub(crate) async fn logged(work: impl Future<Output = ()>) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .finish();
    work.with_subscriber(subscriber).await;
    let bytes = lines.0.lock().expect("the lines").clone();
    String::from_utf8(bytes).expect("text")
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("the lines").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What a delete returns of a file without a preview.
pub(crate) fn hidden(row: &FileRow) -> slipway_db::Hidden {
    slipway_db::Hidden {
        id: row.id,
        key: row.object_key.clone(),
        has_preview: false,
    }
}
