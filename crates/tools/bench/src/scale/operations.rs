//! The cost of one request in Postgres at the current size of the table.

use std::io;
use std::time::{Duration, Instant};

use slipway_core::{FileId, FileName, Metadata, NamePosition, ObjectKey, StoredObject, UserId};
use slipway_db::{Db, Filter, FolderPage, NamePage, ObjectAddress, Page, Recorded};
use time::OffsetDateTime;

use super::server::{StatementServer, user};
use super::users::UserKind;
use crate::stats::percentile;

/// The time of new files, which separates them from the generated rows.
const HERE: ObjectAddress<'static> = ObjectAddress {
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
    ByName,
    ByNameDeep,
    ByNameFiltered,
    SearchCommon,
    SearchNothing,
    Root,
    Folders,
    FoldersDeep,
    ThousandFolders,
    Folder,
    Find,
    Usage,
    Record,
    Again,
    Rename,
    Delete,
}

const OPERATIONS: [(Operation, &str); 14] = [
    (Operation::First, "list: the first page of 50"),
    (Operation::Deep, "list: a page of 50 at nine tenths"),
    (Operation::Filtered, "list: 50 of one type in a thousand"),
    (Operation::ByName, "by name: the first page of 50"),
    (
        Operation::ByNameDeep,
        "by name: a page of 50 at nine tenths",
    ),
    (
        Operation::ByNameFiltered,
        "by name: 50 of one type in a thousand",
    ),
    (Operation::SearchCommon, "search: 50 of a common word"),
    (Operation::SearchNothing, "search: a word that no name has"),
    (Operation::Find, "one file"),
    (Operation::Usage, "presign with a quota"),
    (Operation::Record, "record a file"),
    (Operation::Again, "record it again"),
    (Operation::Rename, "record its new name"),
    (Operation::Delete, "delete it"),
];

/// The operations at the beginning only list.
const LISTS: usize = 8;

/// The operations of the user with folders.
const TREE: [(Operation, &str); 6] = [
    (Operation::Root, "the root, which is one folder"),
    (Operation::Folders, "the first 50 folders"),
    (Operation::FoldersDeep, "50 folders at nine tenths"),
    (Operation::ThousandFolders, "a thousand folders"),
    (Operation::Folder, "the first 50 files of a folder"),
    (Operation::ByName, "by name: the first page of 50"),
];

/// Every operation for the hot user and for many average ones. The idle user only lists, since
/// writes would end the idleness.
pub(super) async fn all(
    server: &StatementServer,
    rows: u64,
    times: usize,
) -> io::Result<Vec<Cost>> {
    let db = server.db()?;
    let mut costs = Vec::new();
    for users in [
        UserKind::Hot,
        UserKind::Idle,
        UserKind::Average,
        UserKind::Tree,
    ] {
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
            UserKind::Tree => &TREE,
        };
        for &(operation, what) in operations {
            // The first statement of a connection reads the catalog.
            once(&db, operation, first, rows).await?;
            server.run("SELECT pg_stat_statements_reset()").await?;
            let mut millis = Vec::with_capacity(times);
            for subject in others {
                let started = Instant::now();
                once(&db, operation, subject, rows).await?;
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
        rule: None,
        metadata: Metadata::default(),
        checksum_sha256: None,
        checksum_crc64nvme: None,
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

async fn once(db: &Db, operation: Operation, subject: &Subject, rows: u64) -> io::Result<()> {
    let Subject { user, deep, new } = subject;
    let list = async |before, prefix| {
        let page = Page {
            limit: 50,
            before,
            filter: of_type(prefix),
        };
        done(db.list_files(user, &page).await)
    };
    let by_name = async |after: Option<&str>, prefix| {
        let page = NamePage {
            limit: 50,
            prefix: String::new(),
            after: after.map(NamePosition::at_prefix),
            filter: of_type(prefix),
        };
        done(db.list_by_name(user, &page).await)
    };
    let folder = async |limit, prefix: &str, after: Option<String>| {
        let page = FolderPage {
            limit,
            prefix: prefix.to_owned(),
            after: after.as_deref().map(NamePosition::after_folder),
        };
        done(db.list_folder(user, &page).await)
    };
    // The function folds case as well; here it is what Postgres does that counts.
    let search = async |text: &str| {
        let page = Page {
            limit: 50,
            ..Page::default()
        };
        let matches = |name: &str| name.contains(text);
        done(db.search_files(user, &page, &matches).await)
    };
    // A tenth of the rows, in folders of a hundred.
    let folders = rows / 1000;
    let numbered = |number: u64| format!("projects/{number:06}/");
    match operation {
        Operation::First => list(None, None).await,
        Operation::Deep => list(Some(*deep), None).await,
        Operation::Filtered => list(None, Some("video/")).await,
        Operation::ByName => by_name(None, None).await,
        Operation::ByNameDeep => by_name(Some("Holiday 2026-08-14 (9"), None).await,
        Operation::ByNameFiltered => by_name(None, Some("video/")).await,
        Operation::SearchCommon => search("Holiday").await,
        Operation::SearchNothing => search("Work").await,
        Operation::Root => folder(50, "", None).await,
        Operation::Folders => folder(50, "projects/", None).await,
        Operation::FoldersDeep => folder(50, "projects/", Some(numbered(folders * 9 / 10))).await,
        Operation::ThousandFolders => folder(1000, "projects/", None).await,
        Operation::Folder => folder(50, &numbered(folders / 2), None).await,
        Operation::Find => done(db.find_file(user, *deep).await),
        Operation::Usage => done(db.usage(user).await),
        Operation::Record | Operation::Again => record(db, new).await.map(drop),
        Operation::Rename => {
            let renamed = StoredObject {
                file_name: "Renamed 2026-08-14 (12).jpg".to_owned(),
                last_modified: new.last_modified + Duration::from_secs(1),
                ..new.clone()
            };
            record(db, &renamed).await.map(drop)
        }
        Operation::Delete => done(db.delete_files(user, &[new.key.id()]).await),
    }
}

fn of_type(prefix: Option<&str>) -> Filter {
    Filter {
        content_type_prefix: prefix.map(str::to_owned),
        rule: None,
    }
}

fn done<T>(result: Result<T, slipway_core::Error>) -> io::Result<()> {
    result.map(drop).map_err(io::Error::other)
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
