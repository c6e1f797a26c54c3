//! A row of `s3_files` as Rust has it.

use std::fmt::Display;

use slipway_core::{
    Crc64Nvme, Error, FileId, FileRow, Metadata, ObjectKey, RuleName, ScanStatus, Sha256, Tombstone,
};
use tokio_postgres::Row;
use tokio_postgres::row::RowIndex;
use tokio_postgres::types::{FromSql, Json};
use uuid::Uuid;

use crate::failure::Failure;

/// The columns of a [`FileRow`], which are half of the bytes of a row.
macro_rules! file_columns {
    () => {
        "id, object_key, file_name, content_type, detected_type, scan_status, size, etag, checksum_sha256,
       checksum_crc64nvme, rule, metadata, preview_etag, preview_error, upload_timestamp"
    };
}

pub(super) use file_columns;

/// The positions of the columns of a [`FileRow`] in rows of one statement.
///
/// To find a column by its name, the name is compared with those of the columns. A page of files
/// does that once, and not for each of its rows.
#[derive(Clone, Copy)]
pub(crate) struct FileColumns([usize; 15]);

const COLUMNS: [&str; 15] = [
    "id",
    "object_key",
    "file_name",
    "content_type",
    "detected_type",
    "scan_status",
    "size",
    "etag",
    "checksum_sha256",
    "checksum_crc64nvme",
    "rule",
    "metadata",
    "preview_etag",
    "preview_error",
    "upload_timestamp",
];

impl FileColumns {
    /// The positions in `row`, which has every column of a [`FileRow`].
    pub(crate) fn of(row: &Row, step: &'static str) -> Result<Self, Error> {
        let mut positions = [0; COLUMNS.len()];
        for (position, name) in positions.iter_mut().zip(COLUMNS) {
            *position = position_of(row, name, step)?;
        }
        Ok(Self(positions))
    }

    /// Reads a row of the same statement. `step` names the operation for errors.
    pub(crate) fn read(&self, row: &Row, step: &'static str) -> Result<FileRow, Error> {
        let [
            id,
            object_key,
            file_name,
            content_type,
            detected_type,
            scan_status,
            size,
            etag,
            checksum_sha256,
            checksum_crc64nvme,
            rule,
            metadata,
            preview_etag,
            preview_error,
            upload_timestamp,
        ] = self.0;
        let text = |column: usize| value::<String>(row, column, step);
        let checksum: Option<&[u8]> = value(row, checksum_sha256, step)?;
        let scan_status: Option<&str> = value(row, scan_status, step)?;
        let rule: Option<&str> = value(row, rule, step)?;
        let Json(metadata) = value::<Json<Metadata>>(row, metadata, step)?;
        let crc: Option<&[u8]> = value(row, checksum_crc64nvme, step)?;
        let id = FileId::from_uuid(value::<Uuid>(row, id, step)?);
        let key = ObjectKey::parse(value(row, object_key, step)?);
        let size = u64::try_from(value::<i64>(row, size, step)?);
        Ok(FileRow {
            id: id.ok_or_else(|| bad(step, "id"))?,
            object_key: key.map_err(|_| bad(step, "object_key"))?,
            file_name: text(file_name)?,
            content_type: text(content_type)?,
            detected_type: value(row, detected_type, step)?,
            scan_status: scan_status.map(ScanStatus::from_stored),
            size: size.map_err(|_| bad(step, "size"))?,
            etag: text(etag)?,
            rule: rule
                .map(|name| RuleName::parse(name).ok_or_else(|| bad(step, "rule")))
                .transpose()?,
            metadata,
            checksum_sha256: checksum
                .map(|bytes| bytes.try_into().map(Sha256))
                .transpose()
                .map_err(|_| bad(step, "checksum_sha256"))?,
            checksum_crc64nvme: crc
                .map(|bytes| bytes.try_into().map(Crc64Nvme))
                .transpose()
                .map_err(|_| bad(step, "checksum_crc64nvme"))?,
            preview_etag: value(row, preview_etag, step)?,
            preview_error: value(row, preview_error, step)?,
            uploaded_at: value(row, upload_timestamp, step)?,
        })
    }
}

/// Reads a row that has every column of a [`FileRow`]. `step` names the operation for errors.
pub(crate) fn file_row(row: &Row, step: &'static str) -> Result<FileRow, Error> {
    FileColumns::of(row, step)?.read(row, step)
}

/// The position of the column `name` in the rows of the statement of `row`.
pub(crate) fn position_of(
    row: &Row,
    name: &'static str,
    step: &'static str,
) -> Result<usize, Error> {
    let mut columns = row.columns().iter();
    columns
        .position(|column| column.name() == name)
        .ok_or_else(|| Error::internal(step, format!("the answer has no column {name}")))
}

/// The id in a row.
pub(crate) fn file_id(row: &Row, step: &'static str) -> Result<FileId, Error> {
    FileId::from_uuid(value::<Uuid>(row, "id", step)?).ok_or_else(|| bad(step, "id"))
}

/// The key in a row.
pub(crate) fn object_key(row: &Row, step: &'static str) -> Result<ObjectKey, Error> {
    ObjectKey::parse(value(row, "object_key", step)?).map_err(|_| bad(step, "object_key"))
}

/// Why the row is a tombstone.
pub(crate) fn tombstone(row: &Row, step: &'static str) -> Result<Tombstone, Error> {
    Ok(Tombstone::from_stored(value(row, "refused", step)?))
}

/// The value of `column`, which is a name or a position.
pub(crate) fn value<'a, T: FromSql<'a>>(
    row: &'a Row,
    column: impl RowIndex + Display,
    step: &'static str,
) -> Result<T, Error> {
    row.try_get(column)
        .map_err(|error| Failure::from(error).into_error(step))
}

fn bad(step: &'static str, column: &'static str) -> Error {
    Error::internal(
        step,
        format!("a row of s3_files has an impossible {column}"),
    )
}
