//! The body of a page, written while it fits.

use slipway_api::{FileBody, JsonBody, Reply};
use slipway_core::limits::MAX_PAGE_BYTES;
use slipway_core::{Error, FileRow};
use slipway_s3_urls::{ReadUrls, Window};
use time::OffsetDateTime;

/// A page while it is written: `files`, then `folders` if the list has them.
///
/// Files and folders come in one order, and either may be the entry that is too much. So folders
/// are written into a body of their own, which is appended at the end. Bytes are counted while the
/// page is written, both as the client gets them and as Lambda does. One entry takes at most a few
/// kilobytes, since names, types, keys and URLs are bounded, so the first one always fits.
pub(crate) struct PageBody<'a> {
    urls: &'a ReadUrls,
    window: Window,
    files: List,
    folders: Option<List>,
}

/// A JSON array that is open at its end.
struct List {
    body: JsonBody,
    is_empty: bool,
}

impl<'a> PageBody<'a> {
    /// An empty page with room for so many `files`.
    pub(crate) fn new(urls: &'a ReadUrls, files: usize) -> Self {
        let room = files * FileBody::BYTES;
        Self {
            window: urls.window(OffsetDateTime::now_utc()),
            urls,
            files: List::begin(r#"{"success":true,"files":["#, room),
            folders: None,
        }
    }

    /// An empty page that shows folders.
    pub(crate) fn with_folders(urls: &'a ReadUrls, files: usize) -> Self {
        Self {
            folders: Some(List::begin(r#","folders":["#, 0)),
            ..Self::new(urls, files)
        }
    }

    /// Adds a file. Returns whether it fits.
    pub(crate) fn file(&mut self, row: &FileRow) -> Result<bool, Error> {
        let mark = self.files.body.mark();
        let file = FileBody::new(
            row,
            self.urls.get(row, false, &self.window),
            self.urls.preview(row, &self.window),
        );
        let is_first = self.is_empty();
        self.files.separate();
        file.write(&mut self.files.body)?;
        let fits = is_first || self.fits();
        if !fits {
            self.files.body.truncate(mark);
        }
        Ok(fits)
    }

    /// Adds a folder. Returns whether it fits.
    pub(crate) fn folder(&mut self, folder: &str) -> Result<bool, Error> {
        let is_first = self.is_empty();
        let Some(list) = &mut self.folders else {
            return Err(Error::internal(
                "write the answer",
                "a list without folders",
            ));
        };
        let mark = list.body.mark();
        list.separate();
        list.body.text(folder)?;
        if is_first || self.fits() {
            return Ok(true);
        }
        if let Some(list) = &mut self.folders {
            list.body.truncate(mark);
        }
        Ok(false)
    }

    /// The answer, with the cursor of the next page if there is one.
    pub(crate) fn end(self, next: Option<&str>) -> Result<Reply, Error> {
        let mut body = self.files.body;
        body.raw("]");
        if let Some(folders) = &self.folders {
            body.append(&folders.body);
            body.raw("]");
        }
        body.raw(r#","nextCursor":"#);
        body.text_or_null(next)?;
        body.raw("}");
        Ok(Reply::written(body))
    }

    fn is_empty(&self) -> bool {
        self.files.is_empty && self.folders.as_ref().is_none_or(|list| list.is_empty)
    }

    fn fits(&self) -> bool {
        let Some(List { body, .. }) = &self.folders else {
            return self.files.body.bytes() <= MAX_PAGE_BYTES && self.files.body.fits();
        };
        self.files.body.bytes() + body.bytes() <= MAX_PAGE_BYTES && self.files.body.fits_with(body)
    }
}

impl List {
    fn begin(json: &str, room: usize) -> Self {
        let mut body = JsonBody::with_capacity(room);
        body.raw(json);
        Self {
            body,
            is_empty: true,
        }
    }

    /// Writes the comma in front of every element but the first.
    fn separate(&mut self) {
        if !self.is_empty {
            self.body.raw(",");
        }
        self.is_empty = false;
    }
}
