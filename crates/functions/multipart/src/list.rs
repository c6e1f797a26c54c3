//! Lists the caller's open uploads, newest first.

use serde::Serialize;
use slipway_api::time::rfc3339;
use slipway_api::{Reply, Request, page};
use slipway_core::limits::MAX_PAGE_FILES;
use slipway_core::{Error, ListCursors};
use slipway_db::UploadRow;

use crate::Multipart;

/// An upload in a response.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UploadBody<'a> {
    id: String,
    file_name: &'a str,
    content_type: &'a str,
    size: u64,
    part_size: u64,
    part_count: u16,
    created_at: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    success: bool,
    uploads: Vec<UploadBody<'a>>,
    next_cursor: Option<String>,
}

impl<'a> UploadBody<'a> {
    pub(crate) fn new(upload: &'a UploadRow) -> Result<Self, Error> {
        let created_at = upload.created_at;
        Ok(Self {
            id: upload.id.to_string(),
            file_name: &upload.file_name,
            content_type: &upload.content_type,
            size: upload.parts.size(),
            part_size: upload.parts.part_size(),
            part_count: upload.parts.count(),
            created_at: rfc3339(created_at.replace_nanosecond(0).unwrap_or(created_at))?,
        })
    }
}

impl Multipart {
    /// Returns a page of 1,000 unless the client requests fewer. Few users have more than one page.
    pub(crate) async fn list(&self, request: &Request) -> Result<Reply, Error> {
        let limit = page::limit(request, MAX_PAGE_FILES)?;
        let cursors = ListCursors::of_uploads();
        let cursor = request.query("cursor")?;
        let before = cursor.map(|text| cursors.newest(text)).transpose()?;
        let found = self.stores.db.list_uploads(request.user(), before, limit);
        let found = found.await?;
        Reply::ok(&Page {
            success: true,
            uploads: found
                .uploads
                .iter()
                .map(UploadBody::new)
                .collect::<Result<_, _>>()?,
            next_cursor: found.next.map(|id| cursors.after(id)),
        })
    }
}
