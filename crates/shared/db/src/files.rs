//! The table `s3_files`: one row for each object. A row is live or a tombstone.

mod delete;
mod find;
mod forget;
mod list;
mod record;
mod row;
mod scan;

use slipway_core::{FileId, FileRow, Tombstone};

pub(crate) use row::{file_id, object_key, value};
pub use scan::Scanned;

/// Where an object is, beside its key.
#[derive(Clone, Copy, Debug)]
pub struct Location<'a> {
    /// The bucket.
    pub bucket: &'a str,
    /// The unsigned URL.
    pub file_url: &'a str,
}

/// What became of an object that was to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Recorded {
    /// It has a row now, and had none.
    Created(FileRow),
    /// Its row described an earlier upload under the same key, and describes this one now.
    Updated(FileRow),
    /// Its row stays as it was: it says the same, or describes a later upload.
    Unchanged(FileRow),
    /// The file is a tombstone, now or before, and stays one: remove the object.
    Tombstoned(Tombstone),
    /// The row describes another upload of the same second, so nothing tells which is the later one.
    /// Ask S3 again, and pass this row as `seen`.
    Stale(FileRow),
}

/// Which page of a list.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// How many files at most.
    pub limit: u32,
    /// The last id of the page before.
    pub before: Option<FileId>,
    /// How the content type begins, in whatever case.
    pub content_type_prefix: Option<String>,
}

/// A page of a list, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePage {
    /// Its files.
    pub files: Vec<FileRow>,
    /// Where the next page begins, if there may be one.
    pub next: Option<FileId>,
}

/// What is known of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "made once a call and taken apart at once"
)]
pub enum FileState {
    /// Nothing: it never was, it is somebody else's, or its tombstone is gone.
    Unknown,
    /// It is there.
    Live(FileRow),
    /// It is a tombstone.
    Tombstone(Tombstone),
}
