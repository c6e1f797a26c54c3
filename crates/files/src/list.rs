//! One page of a user's files, newest first.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use slipway_api::{FileBody, Reply, Request, page};
use slipway_core::limits::{DEFAULT_PAGE_FILES, MAX_PAGE_BYTES};
use slipway_core::{ContentType, Cursor, Error, FileRow};
use slipway_db::{Db, Page};
use slipway_storage::{ReadUrls, Window};
use time::OffsetDateTime;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageBody {
    success: bool,
    files: Vec<Box<RawValue>>,
    next_cursor: Option<String>,
}

pub(crate) async fn list(db: &Db, urls: &ReadUrls, request: &Request) -> Result<Reply, Error> {
    let page = Page {
        limit: page::limit(request, DEFAULT_PAGE_FILES)?,
        before: page::before(request)?,
        content_type_prefix: content_type_prefix(request)?,
    };
    let found = db.list_files(request.user(), &page).await?;
    let window = urls.window(OffsetDateTime::now_utc());
    let (files, cut_after) = fit(&found.files, urls, &window)?;
    let next = cut_after.map(|last| last.id).or(found.next);
    Reply::ok(&PageBody {
        success: true,
        files,
        next_cursor: next.map(|id| Cursor(id).encode()),
    })
}

fn content_type_prefix(request: &Request) -> Result<Option<String>, Error> {
    let prefix = request
        .query("contentType")?
        .filter(|prefix| !prefix.is_empty());
    // Nothing else is in a stored type, and Postgres knows no NUL.
    let plain = |text: &str| {
        text.len() <= ContentType::MAX_BYTES
            && text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
    };
    match prefix {
        Some(text) if !plain(text) => Err(Error::invalid_request(
            "contentType must be the beginning of a media type, such as image/.",
        )),
        prefix => Ok(prefix.map(str::to_owned)),
    }
}

/// As many files as fit into an answer, and the last of them if some do not.
fn fit<'a>(
    rows: &'a [FileRow],
    urls: &ReadUrls,
    window: &Window,
) -> Result<(Vec<Box<RawValue>>, Option<&'a FileRow>), Error> {
    let mut files = Vec::with_capacity(rows.len());
    let mut bytes = 0;
    for (at, row) in rows.iter().enumerate() {
        let body = FileBody::new(row, urls.get(row, false, window))?;
        let json =
            to_raw_value(&body).map_err(|error| Error::internal("write the answer", error))?;
        bytes += json.get().len() + 1;
        // One file alone is far smaller than a page, so a page never stays empty.
        if bytes > MAX_PAGE_BYTES
            && let Some(last) = at.checked_sub(1).and_then(|at| rows.get(at))
        {
            return Ok((files, Some(last)));
        }
        files.push(json);
    }
    Ok((files, None))
}
