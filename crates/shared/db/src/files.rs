//! The table `s3_files`: one row for each object. A row is live or a tombstone.

mod by_name;
mod delete;
mod find;
mod folders;
mod forget;
mod list;
#[cfg(test)]
mod plans;
mod preview;
mod record;
mod record_many;
mod refuse;
mod row;
mod scan;
mod search;

use slipway_core::{FileId, FileRow, NamePosition, RuleName, Tombstone};

pub use delete::Hidden;
pub use record_many::{FileStates, Looked};
pub(crate) use row::{file_id, file_row, object_key, value};
pub use scan::Scanned;

/// The address of an object, apart from its key.
#[derive(Clone, Copy, Debug)]
pub struct ObjectAddress<'a> {
    /// The bucket.
    pub bucket: &'a str,
    /// The unsigned URL.
    pub file_url: &'a str,
}

/// The result of recording an object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Recorded {
    /// It has a row now, and had none.
    Created(FileRow),
    /// Its row described an earlier upload under the same key, and describes this one now.
    Updated(FileRow),
    /// Its row is unchanged: it describes the same object, or a later upload.
    Unchanged(FileRow),
    /// The file is a tombstone, now or before, and stays one: remove the object.
    Tombstoned(Tombstone),
    /// The row describes another upload of the same second, so the later one is unknown. Repeat the
    /// HEAD, and pass this row as `seen`.
    Stale(FileRow),
}

/// Which files are listed. A filter that is `None` accepts all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The prefix of the content type, case-insensitive.
    pub content_type_prefix: Option<String>,
    /// The rule that the file was uploaded under.
    pub rule: Option<RuleName>,
}

/// Which page of a list, newest first.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The maximum number of files.
    pub limit: u32,
    /// The last id of the page before.
    pub before: Option<FileId>,
    /// Which files.
    pub filter: Filter,
}

/// A page of a list, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilePage {
    /// Its files.
    pub files: Vec<FileRow>,
    /// Where the next page begins, if there may be one.
    pub next: Option<FileId>,
}

/// Which page of a list by name.
#[derive(Clone, Debug)]
pub struct NamePage {
    /// The maximum number of files.
    pub limit: u32,
    /// Only names that begin with this; empty for all.
    pub prefix: String,
    /// Where the page before has ended.
    pub after: Option<NamePosition>,
    /// Which files.
    pub filter: Filter,
}

/// A page of a list by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamedFiles {
    /// Its files.
    pub files: Vec<FileRow>,
    /// Where the next page begins, if there may be one.
    pub next: Option<NamePosition>,
}

/// Which page of the contents of a folder.
#[derive(Clone, Debug)]
pub struct FolderPage {
    /// The maximum number of entries.
    pub limit: u32,
    /// Only names that begin with this; empty for the root.
    pub prefix: String,
    /// Where the page before has ended.
    pub after: Option<NamePosition>,
}

/// A page of the contents of a folder, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderEntries {
    /// Its entries.
    pub entries: Vec<Entry>,
    /// Whether there are entries after the last one.
    pub more: bool,
}

/// A direct entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "most entries are files")]
pub enum Entry {
    /// A file.
    File(FileRow),
    /// A folder, as the prefix of the names in it.
    Folder(String),
}

impl Entry {
    /// The position behind this entry.
    #[must_use]
    pub fn end(&self) -> NamePosition {
        match self {
            Self::File(row) => NamePosition::after_file(row),
            Self::Folder(folder) => NamePosition::after_folder(folder),
        }
    }
}

/// The state of an id.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "made once a call and taken apart at once"
)]
pub enum FileState {
    /// No row: the id never existed, belongs to another user, or its tombstone was dropped.
    Unknown,
    /// It is there.
    Live(FileRow),
    /// It is a tombstone.
    Tombstone(Tombstone),
}
