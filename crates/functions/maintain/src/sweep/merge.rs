//! Compares bucket and table in key order: a merge join that holds at most one page of each in
//! memory.

use std::cmp::Ordering;
use std::collections::VecDeque;

use slipway_core::{Error, ObjectKey, UserId};
use slipway_db::maintain::{KeptRow, Relocated, Sweep};
use slipway_record::Listing;
use slipway_s3::Listed;
use time::OffsetDateTime;

use crate::report::{Count, Tally};
use crate::{Maintain, Pace};

/// Consecutive keys, grouped by the action they need.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The last of those keys.
    pub(crate) until: String,
    /// Set if the range ends here.
    pub(crate) is_last: bool,
    /// Counts of the objects and rows compared.
    pub(crate) tally: Tally,
    /// Keys that need no action, with the count they add to.
    pub(crate) noted: Vec<(Count, String)>,
    /// Objects without a row.
    pub(crate) unrecorded: Vec<Pair>,
    /// Objects that differ from their row in size, ETag or Last-Modified.
    pub(crate) differing: Vec<Pair>,
    /// Live rows that describe their object correctly but name another bucket or another URL.
    pub(crate) moved: Vec<Relocated>,
    /// Objects of deleted files.
    pub(crate) deleted: Vec<ObjectKey>,
    /// Live rows for which S3 listed no object. A HEAD decides.
    pub(crate) missing: Vec<Missing>,
    /// Previews for which no live row was found.
    pub(crate) previews: Vec<ObjectKey>,
    /// Live rows whose preview S3 did not list.
    pub(crate) unpreviewed: Vec<ObjectKey>,
    /// Owners with no more keys in this range, ready for the audit of their usage.
    pub(crate) owners: Vec<UserId>,
}

/// A live row for which S3 listed no object.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(crate) key: ObjectKey,
    /// The length in the row.
    pub(crate) size: u64,
}

/// An object, and its live row if it has one.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) key: ObjectKey,
    object: Listed,
    /// The length in the row.
    pub(crate) row_size: Option<u64>,
}

impl Pair {
    pub(crate) fn listing(&self) -> Listing<'_> {
        Listing {
            size: self.object.size,
            etag: &self.object.etag,
            last_modified: self.object.last_modified,
            row_size: self.row_size,
        }
    }
}

impl Batch {
    /// The number of keys that need a request of their own.
    fn work(&self) -> usize {
        self.unrecorded.len()
            + self.differing.len()
            + self.deleted.len()
            + self.missing.len()
            + self.previews.len()
    }
}

/// The positions in the bucket and in the table.
pub(crate) struct Merge<'a> {
    maintain: &'a Maintain,
    pace: Pace,
    started_at: OffsetDateTime,
    to: Option<String>,
    objects: Side<Listed>,
    rows: Side<KeptRow>,
    owner: Option<UserId>,
    /// The last listed preview. Its file has the next key.
    preview: Option<ObjectKey>,
}

/// Entries read from one side and not yet compared, and the key up to which it was read.
struct Side<T> {
    ahead: VecDeque<T>,
    read_to: String,
    is_all: bool,
}

impl<'a> Merge<'a> {
    pub(crate) fn new(maintain: &'a Maintain, pace: Pace, sweep: &Sweep) -> Self {
        Self {
            maintain,
            pace,
            started_at: sweep.started_at,
            to: sweep.range.to.clone(),
            objects: Side::from(&sweep.position),
            rows: Side::from(&sweep.position),
            // The previous run may have stopped at an owner's last key, before auditing the owner.
            owner: ObjectKey::parse(&sweep.position)
                .ok()
                .map(|key| key.owner().clone()),
            preview: None,
        }
    }

    /// Returns the next batch: a page of keys, or fewer if many need a request of their own.
    pub(crate) async fn next(&mut self) -> Result<Batch, Error> {
        let mut batch = Batch::default();
        for _ in 0..self.pace.page {
            if batch.work() >= self.pace.batch {
                break;
            }
            self.read_ahead().await?;
            let (object, row) = match (self.objects.ahead.front(), self.rows.ahead.front()) {
                (None, None) => {
                    batch.is_last = true;
                    batch.previews.extend(self.preview.take());
                    batch.owners.extend(self.owner.take());
                    break;
                }
                (Some(_), None) => (self.objects.ahead.pop_front(), None),
                (None, Some(_)) => (None, self.rows.ahead.pop_front()),
                (Some(object), Some(row)) => match object.key.cmp(&row.object_key) {
                    Ordering::Less => (self.objects.ahead.pop_front(), None),
                    Ordering::Greater => (None, self.rows.ahead.pop_front()),
                    Ordering::Equal => {
                        (self.objects.ahead.pop_front(), self.rows.ahead.pop_front())
                    }
                },
            };
            self.compare(object, row, &mut batch);
        }
        Ok(batch)
    }

    /// Reads the list before the rows. An upload recorded in between appears as a row without an
    /// object, which a HEAD resolves. A delete in between appears as a tombstone.
    async fn read_ahead(&mut self) -> Result<(), Error> {
        let side = &mut self.objects;
        if side.ahead.is_empty() && !side.is_all {
            let page = self
                .maintain
                .stores
                .bucket
                .list_after(&side.read_to, self.pace.page)
                .await?;
            side.is_all = !page.more;
            for object in page.objects {
                if self
                    .to
                    .as_deref()
                    .is_some_and(|to| object.key.as_str() > to)
                {
                    side.is_all = true;
                    break;
                }
                side.read_to.clone_from(&object.key);
                side.ahead.push_back(object);
            }
        }
        let side = &mut self.rows;
        if side.ahead.is_empty() && !side.is_all {
            let limit = u32::from(self.pace.page);
            let to = self.to.as_deref();
            let rows = self
                .maintain
                .db
                .rows_after(&side.read_to, to, limit)
                .await?;
            side.is_all = rows.len() < usize::from(self.pace.page);
            if let Some(last) = rows.last() {
                side.read_to.clone_from(&last.object_key);
            }
            side.ahead.extend(rows);
        }
        Ok(())
    }

    fn compare(&mut self, object: Option<Listed>, row: Option<KeptRow>, batch: &mut Batch) {
        // The key of a preview comes right before that of its file. It is not a position to continue
        // from: a run that continues after it would not know that the preview exists.
        if row.is_none()
            && let Some(preview) = object
                .as_ref()
                .and_then(|object| ObjectKey::parse_preview(&object.key))
        {
            batch.previews.extend(self.preview.replace(preview));
            return;
        }
        let Some(text) = object
            .as_ref()
            .map(|object| &object.key)
            .or(row.as_ref().map(|row| &row.object_key))
        else {
            return;
        };
        batch.until.clone_from(text);
        batch
            .tally
            .count(Count::Objects, usize::from(object.is_some()));
        batch.tally.count(Count::Rows, usize::from(row.is_some()));
        let Ok(key) = ObjectKey::parse(text) else {
            batch.noted.push((Count::Foreign, text.clone()));
            return;
        };
        if self.owner.as_ref() != Some(key.owner()) {
            batch.owners.extend(self.owner.replace(key.owner().clone()));
        }
        let preview = self.preview.take();
        let is_own = preview
            .as_ref()
            .is_some_and(|preview| preview.id() == key.id());
        let live = row.as_ref().filter(|row| !row.deleted);
        if !is_own && live.is_some_and(|row| row.has_preview) {
            batch.unpreviewed.push(key.clone());
        }
        batch
            .previews
            .extend(preview.filter(|_| !is_own || live.is_none()));
        match (object, row) {
            (Some(object), None) => batch.unrecorded.push(Pair {
                key,
                object,
                row_size: None,
            }),
            (Some(_), Some(row)) if row.deleted => batch.deleted.push(key),
            (Some(object), Some(row)) if !agree(&object, &row) => batch.differing.push(Pair {
                key,
                object,
                row_size: Some(row.size),
            }),
            (Some(object), Some(row)) => {
                let file_url = self.maintain.recorder().file_url(&key);
                if row.bucket != self.maintain.stores.location.bucket || row.file_url != file_url {
                    batch.moved.push(Relocated {
                        key,
                        file_url,
                        etag: object.etag,
                        size: object.size,
                        uploaded_at: object.last_modified,
                    });
                }
            }
            (None, Some(row)) if !row.deleted => {
                if row.bucket != self.maintain.stores.location.bucket {
                    batch.noted.push((Count::Elsewhere, row.object_key));
                } else if row.uploaded_at >= self.started_at {
                    batch.noted.push((Count::Young, row.object_key));
                } else {
                    batch.missing.push(Missing {
                        key,
                        size: row.size,
                    });
                }
            }
            _ => {}
        }
    }
}

/// Returns `true` if S3 lists the object that the row describes.
fn agree(object: &Listed, row: &KeptRow) -> bool {
    (object.size, &object.etag, object.last_modified) == (row.size, &row.etag, row.uploaded_at)
}

impl<T> Side<T> {
    fn from(position: &str) -> Self {
        Self {
            ahead: VecDeque::new(),
            read_to: position.to_owned(),
            is_all: false,
        }
    }
}
