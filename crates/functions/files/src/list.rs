//! One page of a user's files: newest first, by name, of a folder, or of a search.

use slipway_api::{Reply, Request};
use slipway_core::{Error, FileRow, ListCursors, NamePosition};
use slipway_db::{Db, Entry, FilePage, FolderEntries, NamedFiles};
use slipway_s3_urls::ReadUrls;

use crate::page_body::PageBody;
use crate::query::Query;

pub(crate) async fn list(db: &Db, urls: &ReadUrls, request: &Request) -> Result<Reply, Error> {
    let (query, cursors) = Query::read(request)?;
    let user = request.user();
    match query {
        Query::Newest(page) => newest(&db.list_files(user, &page).await?, urls, &cursors),
        Query::Search(page, query) => {
            let found = db
                .search_files(user, &page, &|name| query.matches(name))
                .await?;
            newest(&found, urls, &cursors)
        }
        Query::Name(page) => by_name(&db.list_by_name(user, &page).await?, urls, &cursors),
        Query::Folder(page) => folder(&db.list_folder(user, &page).await?, urls, &cursors),
    }
}

fn newest(page: &FilePage, urls: &ReadUrls, cursors: &ListCursors) -> Result<Reply, Error> {
    let mut body = PageBody::new(urls, page.files.len());
    let last = body.files(&page.files)?;
    let next = last.map(|row| row.id).or(page.next);
    body.end(next.map(|id| cursors.after(id)).as_deref())
}

fn by_name(page: &NamedFiles, urls: &ReadUrls, cursors: &ListCursors) -> Result<Reply, Error> {
    let mut body = PageBody::new(urls, page.files.len());
    let last = body.files(&page.files)?.map(NamePosition::after_file);
    let next = last.as_ref().or(page.next.as_ref());
    body.end(next.map(|position| cursors.at(position)).as_deref())
}

fn folder(page: &FolderEntries, urls: &ReadUrls, cursors: &ListCursors) -> Result<Reply, Error> {
    let files = |entry: &&Entry| matches!(entry, Entry::File(_));
    let mut body = PageBody::with_folders(urls, page.entries.iter().filter(files).count());
    let mut written = None;
    let mut more = page.more;
    for entry in &page.entries {
        let fits = match entry {
            Entry::File(row) => body.file(row)?,
            Entry::Folder(folder) => body.folder(folder)?,
        };
        if !fits {
            more = true;
            break;
        }
        written = Some(entry);
    }
    let end = written.filter(|_| more).map(Entry::end);
    body.end(end.map(|position| cursors.at(&position)).as_deref())
}

impl PageBody<'_> {
    /// Writes the rows that fit. Returns the last written row if some did not fit, else `None`.
    fn files<'a>(&mut self, rows: &'a [FileRow]) -> Result<Option<&'a FileRow>, Error> {
        let mut last = None;
        for row in rows {
            if !self.file(row)? {
                return Ok(last);
            }
            last = Some(row);
        }
        Ok(None)
    }
}
