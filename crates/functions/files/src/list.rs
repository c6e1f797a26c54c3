//! One page of a user's files, newest first.

use slipway_api::{FileBody, JsonBody, Reply, Request, page};
use slipway_core::limits::{DEFAULT_PAGE_FILES, MAX_PAGE_BYTES};
use slipway_core::{ContentType, Cursor, Error, FileRow};
use slipway_db::{Db, Page};
use slipway_s3_urls::{ReadUrls, Window};
use time::OffsetDateTime;

pub(crate) async fn list(db: &Db, urls: &ReadUrls, request: &Request) -> Result<Reply, Error> {
    let page = Page {
        limit: page::limit(request, DEFAULT_PAGE_FILES)?,
        before: page::before(request)?,
        content_type_prefix: content_type_prefix(request)?,
    };
    let found = db.list_files(request.user(), &page).await?;
    let window = urls.window(OffsetDateTime::now_utc());
    let mut body = JsonBody::with_capacity(found.files.len() * FileBody::BYTES);
    body.raw(r#"{"success":true,"files":["#);
    let cut_after = write(&mut body, &found.files, urls, &window)?;
    let next = cut_after.map(|last| last.id).or(found.next);
    body.raw(r#"],"nextCursor":"#);
    body.text_or_null(next.map(|id| Cursor(id).encode()).as_deref())?;
    body.raw("}");
    Ok(Reply::written(body))
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

/// Writes as many files as fit into a page and into an answer of Lambda's, and returns the last one written if some
/// do not.
///
/// Both are counted while the page is written. One file takes at most a few kilobytes of either, since names, types,
/// keys and URLs are bounded, so a page never stays empty.
fn write<'a>(
    body: &mut JsonBody,
    rows: &'a [FileRow],
    urls: &ReadUrls,
    window: &Window,
) -> Result<Option<&'a FileRow>, Error> {
    let begin = body.bytes();
    let mut last: Option<&FileRow> = None;
    for row in rows {
        let before = body.mark();
        if last.is_some() {
            body.raw(",");
        }
        FileBody::new(row, urls.get(row, false, window)).write(body)?;
        let too_long = body.bytes() - begin > MAX_PAGE_BYTES || !body.fits();
        if last.is_some() && too_long {
            body.truncate(before);
            return Ok(last);
        }
        last = Some(row);
    }
    Ok(None)
}
