//! The cost of one request in Postgres at the current size of the table.

use std::io;
use std::time::Instant;

use slipway_core::{FileId, FileName, ObjectKey, StoredObject, UserId};
use slipway_db::{Db, Location, Page, Recorded};
use time::OffsetDateTime;

use super::server::{StatementServer, user};
use super::users::UserKind;
use crate::stats::percentile;

/// The time of new files, which separates them from the generated rows.
const HERE: Location<'static> = Location {
    bucket: "new",
    file_url: "https://new.s3.eu-central-1.amazonaws.com/a/key/of/some/length/as/they/are.jpg",
};

/// A quota that no user reaches.
const QUOTA: u64 = 1 << 62;

/// The cost of each call of an operation.
pub(super) struct Cost {
    pub(super) what: &'static str,
    pub(super) users: UserKind,
    /// Blocks of 8 KB that the server touched.
    pub(super) blocks: f64,
    /// The server's time including planning, in milliseconds.
    pub(super) server: f64,
    /// The client's time in milliseconds: the median and the 99th percentile.
    pub(super) p50: f64,
    pub(super) p99: f64,
}

#[derive(Clone, Copy)]
enum Operation {
    First,
    Deep,
    Filtered,
    Find,
    Usage,
    Record,
    Again,
    Delete,
}

const OPERATIONS: [(Operation, &str); 8] = [
    (Operation::First, "list: the first page of 50"),
    (Operation::Deep, "list: a page of 50 at nine tenths"),
    (Operation::Filtered, "list: 50 of one type in a thousand"),
    (Operation::Find, "one file"),
    (Operation::Usage, "presign with a quota"),
    (Operation::Record, "record a file"),
    (Operation::Again, "record it again"),
    (Operation::Delete, "delete it"),
];

/// The operations at the beginning only list.
const LISTS: usize = 3;

/// Every operation for the hot user and for many average ones. The idle user only lists, since
/// writes would end the idleness.
pub(super) async fn all(
    server: &StatementServer,
    rows: u64,
    times: usize,
) -> io::Result<Vec<Cost>> {
    let db = server.db()?;
    let mut costs = Vec::new();
    for users in [UserKind::Hot, UserKind::Idle, UserKind::Average] {
        let mut files = Vec::new();
        for number in 0..=times as u64 {
            files.push(subject(server, &users.user(number, rows)).await?);
        }
        let Some((first, others)) = files.split_first() else {
            continue;
        };
        let operations = match users {
            UserKind::Hot | UserKind::Average => &OPERATIONS[..],
            UserKind::Idle => &OPERATIONS[..LISTS],
        };
        for &(operation, what) in operations {
            // The first statement of a connection reads the catalog.
            once(&db, operation, first).await?;
            server.run("SELECT pg_stat_statements_reset()").await?;
            let mut millis = Vec::with_capacity(times);
            for subject in others {
                let started = Instant::now();
                once(&db, operation, subject).await?;
                millis.push(started.elapsed().as_secs_f64() * 1000.0);
            }
            let (blocks, server) = cost(server).await?;
            let of = |percent| percentile(&millis, percent).unwrap_or(f64::NAN);
            let each = times as f64;
            costs.push(Cost {
                what,
                users,
                blocks: blocks / each,
                server: server / each,
                p50: of(50),
                p99: of(99),
            });
        }
    }
    Ok(costs)
}

/// A user, a position deep in the list, an existing file, and a new one.
struct Subject {
    user: UserId,
    deep: FileId,
    new: StoredObject,
}

async fn subject(server: &StatementServer, name: &str) -> io::Result<Subject> {
    // Only the list's index finds it equally fast for each of them.
    let deep = server.admin.query_one(
        "SELECT id FROM s3_files WHERE user_id = $1 AND deleted_at IS NULL AND id > (
             SELECT (substr(a, 1, 8) || '-' || substr(a, 9, 4) || '-7000-8000-000000000000')::uuid
             FROM (SELECT lpad(to_hex((low + (high - low) / 10)::bigint), 12, '0') AS a FROM (
                 SELECT (extract(epoch FROM min(upload_timestamp)) * 1000) AS low,
                        (extract(epoch FROM max(upload_timestamp)) * 1000) AS high
                 FROM (
                     (SELECT upload_timestamp FROM s3_files WHERE user_id = $1 AND bucket = 'uploads' AND deleted_at IS NULL ORDER BY deleted_at, id LIMIT 1)
                     UNION ALL
                     (SELECT upload_timestamp FROM s3_files WHERE user_id = $1 AND bucket = 'uploads' AND deleted_at IS NULL ORDER BY deleted_at DESC, id DESC LIMIT 1)
                 ) AS ends) AS ends) AS at)
         ORDER BY deleted_at, id LIMIT 1", &[&name]).await.map_err(io::Error::other)?;
    let id = FileId::from_uuid(deep.try_get(0).map_err(io::Error::other)?);
    let user = user(name)?;
    Ok(Subject {
        new: file(&user)?,
        deep: id.ok_or_else(|| io::Error::other("an id of version 7"))?,
        user,
    })
}

/// A new file of `user`, as S3 describes it.
pub(super) fn file(user: &UserId) -> io::Result<StoredObject> {
    let name = "Holiday 2026-08-14 (12).jpg";
    let file_name = FileName::parse(name).map_err(io::Error::other)?;
    Ok(StoredObject {
        key: ObjectKey::new(user.clone(), FileId::new(), &file_name),
        size: 1_234_567,
        etag: "0123456789abcdef0123456789abcdef".to_owned(),
        content_type: "image/jpeg".to_owned(),
        detected_type: Some("image/jpeg".to_owned()),
        file_name: name.to_owned(),
        checksum_sha256: None,
        last_modified: OffsetDateTime::now_utc()
            .replace_nanosecond(0)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH),
    })
}

/// Records `file` as save-metadata and events do.
pub(super) async fn record(db: &Db, file: &StoredObject) -> io::Result<Recorded> {
    db.record_file(file, &HERE, Some(QUOTA), None)
        .await
        .map_err(io::Error::other)
}

async fn once(db: &Db, operation: Operation, subject: &Subject) -> io::Result<()> {
    let Subject { user, deep, new } = subject;
    let page = |before, prefix: Option<&str>| Page {
        limit: 50,
        before,
        content_type_prefix: prefix.map(str::to_owned),
    };
    let list = async |page| {
        db.list_files(user, &page)
            .await
            .map(drop)
            .map_err(io::Error::other)
    };
    match operation {
        Operation::First => list(page(None, None)).await,
        Operation::Deep => list(page(Some(*deep), None)).await,
        Operation::Filtered => list(page(None, Some("video/"))).await,
        Operation::Find => db
            .find_file(user, *deep)
            .await
            .map(drop)
            .map_err(io::Error::other),
        Operation::Usage => db.usage(user).await.map(drop).map_err(io::Error::other),
        Operation::Record | Operation::Again => record(db, new).await.map(drop),
        Operation::Delete => db
            .delete_files(user, &[new.key.id()])
            .await
            .map(drop)
            .map_err(io::Error::other),
    }
}

/// Blocks and milliseconds of everything since the last reset, except this query.
async fn cost(server: &StatementServer) -> io::Result<(f64, f64)> {
    let row = server
        .admin
        .query_one(
            "SELECT coalesce(sum(shared_blks_hit + shared_blks_read), 0)::float8,
                coalesce(sum(total_exec_time + total_plan_time), 0)::float8
         FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'",
            &[],
        )
        .await
        .map_err(io::Error::other)?;
    Ok((
        row.try_get(0).map_err(io::Error::other)?,
        row.try_get(1).map_err(io::Error::other)?,
    ))
}
