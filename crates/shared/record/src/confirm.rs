//! The record step for many keys of one user, as a client confirms them. Requests to S3 run a few
//! at a time. The number of requests to Postgres is bounded, whatever the number of keys.
//!
//! One statement records all objects of a round. Usually there is one round. Another round follows
//! for keys whose object changed within the second of their row. Two keys with the same id also
//! take two rounds, because at most one of them is a file of ours.
//!
//! With a quota the statement changes nothing if one of the objects does not fit. Then the usage and
//! the rows are read, the objects that fit are selected in the order of the keys, and the statement
//! is repeated with the others refused. The CHECK decides again: if the usage grew meanwhile, this
//! is repeated as well.
//!
//! The statement runs some time after the first HEAD, and the object may be overwritten in between.
//! This is safe, because the statement compares with the row that is there when it runs, as for one
//! key: an upload of a later second that an event or another call has recorded meanwhile wins, and
//! one of the same second repeats the HEAD. If no event
//! reports an overwrite, its row is only updated later.

use std::collections::HashSet;

use futures_util::stream::{self, StreamExt as _};
use slipway_core::{Code, Error, FileId, FileRow, ObjectKey, StoredObject, Tombstone, UserId};
use slipway_db::files::Looked;
use slipway_db::{FileState, Recorded};
use tokio::time::{Instant, timeout_at};

use crate::terms::Broken;
use crate::{LOOKS, Next, Outcome, Recorder};

/// The number of concurrent HEAD requests.
const AT_ONCE: usize = 16;

/// The maximum number of selections of objects that fit into a quota: the usage may grow after it
/// was read.
const SELECTIONS: u32 = 3;

/// An object, and the result of its statement.
type Decided = (Found, Result<Recorded, Error>);

/// A key whose object is known.
struct Found {
    /// Its index in the keys.
    at: usize,
    object: StoredObject,
    seen: Option<FileRow>,
    file_url: String,
    broken: Option<Broken>,
    is_over_quota: bool,
}

impl Found {
    fn refused(&self) -> Option<Tombstone> {
        let over = self.is_over_quota.then_some(Tombstone::OverQuota);
        self.broken.map(Broken::reason).or(over)
    }

    fn looked(&self) -> Looked<'_> {
        Looked {
            object: &self.object,
            file_url: &self.file_url,
            seen: self.seen.as_ref(),
            refused: self.refused(),
        }
    }

    /// The growth of the usage in bytes, compared with `state`, if the object is recorded or
    /// refused.
    fn growth(&self, state: Option<&FileState>) -> i128 {
        let (object, is_refused) = (&self.object, self.refused().is_some());
        let size = i128::from(object.size);
        match state {
            None | Some(FileState::Unknown) if is_refused => 0,
            None | Some(FileState::Unknown) => size,
            Some(FileState::Tombstone(_)) => 0,
            Some(FileState::Live(row)) => {
                let stays = row.object_key != object.key
                    || row.uploaded_at > object.last_modified
                    || object.is_described_by(row);
                if stays {
                    0
                } else if is_refused && object.exceeds(row) {
                    -i128::from(row.size)
                } else {
                    size - i128::from(row.size)
                }
            }
        }
    }
}

impl Recorder<'_> {
    /// Updates the table to what S3 has under each of `keys`, which are different and all of
    /// `user`. The outcomes are in the order of `keys`.
    ///
    /// A fault of S3 fails only its key, as does a key for which S3 does not respond before
    /// `until`, and a row that cannot be written or read. The call fails as a whole if Postgres
    /// does not respond.
    pub async fn confirm(
        &self,
        user: &UserId,
        keys: &[ObjectKey],
        until: Instant,
    ) -> Result<Vec<Result<Outcome, Error>>, Error> {
        let mut outcomes: Vec<Option<Result<Outcome, Error>>> = Vec::new();
        outcomes.resize_with(keys.len(), || None);
        let mut pending: Vec<(usize, Option<FileRow>)> =
            (0..keys.len()).map(|at| (at, None)).collect();
        let mut refused = Vec::new();
        for _ in 0..LOOKS {
            if pending.is_empty() {
                break;
            }
            let mut found = Vec::new();
            let looks = stream::iter(std::mem::take(&mut pending))
                .map(async |(at, seen)| (self.look_before(until, &keys[at]).await, at, seen));
            let mut looks = Box::pin(looks.buffered(AT_ONCE));
            while let Some((look, at, seen)) = looks.next().await {
                match look {
                    Ok(Some(object)) => found.push(self.found(at, object, seen)),
                    Ok(None) => outcomes[at] = Some(Ok(Outcome::Missing)),
                    Err(error) => outcomes[at] = Some(Err(error)),
                }
            }
            let (found, later) = one_for_each_id(found);
            pending.extend(later.into_iter().map(|found| (found.at, found.seen)));
            for (found, recorded) in self.record_found(user, found).await? {
                let recorded = match recorded {
                    Ok(recorded) => recorded,
                    Err(error) => {
                        outcomes[found.at] = Some(Err(error.of_file(&keys[found.at])));
                        continue;
                    }
                };
                let is_first = found.seen.is_none();
                match Next::after(recorded, is_first, &found.object, found.broken) {
                    Next::Done(outcome) => outcomes[found.at] = Some(Ok(outcome)),
                    Next::Remove(outcome) => {
                        refused.push(keys[found.at].clone());
                        outcomes[found.at] = Some(Ok(outcome));
                    }
                    Next::Again(row) => pending.push((found.at, Some(row))),
                }
            }
        }
        for (at, seen) in pending {
            // As for one file: the row describes the object of a moment ago.
            let outcome = seen.map(Outcome::Existing).ok_or_else(changing);
            outcomes[at] = Some(outcome.map_err(|error| error.of_file(&keys[at])));
        }
        self.remove_before(until, refused).await;
        let missed = || {
            Err(Error::internal(
                "record the files",
                "a key without an outcome",
            ))
        };
        let outcomes = outcomes.into_iter();
        Ok(outcomes
            .map(|outcome| outcome.unwrap_or_else(missed))
            .collect())
    }

    fn found(&self, at: usize, object: StoredObject, seen: Option<FileRow>) -> Found {
        Found {
            at,
            file_url: self.file_url(&object.key),
            broken: self.broken(&object),
            object,
            seen,
            is_over_quota: false,
        }
    }

    async fn look_before(
        &self,
        until: Instant,
        key: &ObjectKey,
    ) -> Result<Option<StoredObject>, Error> {
        let look = timeout_at(until, self.look(key)).await;
        look.unwrap_or_else(|_| Err(Error::timeout("look at the object in S3").of_file(key)))
    }

    /// Records all of `found` with one statement, or with another one for each selection that a
    /// quota needs.
    async fn record_found(
        &self,
        user: &UserId,
        mut found: Vec<Found>,
    ) -> Result<Vec<Decided>, Error> {
        let mut decided = Vec::new();
        for selections in 0..=SELECTIONS {
            if found.is_empty() {
                return Ok(decided);
            }
            let files: Vec<Looked<'_>> = found.iter().map(Found::looked).collect();
            let bucket = &self.stores.location.bucket;
            let recorded = self
                .db
                .try_record_files(user, &files, bucket, self.settings.quota_bytes)
                .await;
            match recorded {
                Ok(Some(recorded)) => {
                    decided.extend(found.into_iter().zip(recorded));
                    return Ok(decided);
                }
                Ok(None) if selections < SELECTIONS => {
                    found = self.select(user, found, &mut decided).await?;
                }
                Ok(None) => {}
                Err(error) if error.code() == Code::Internal => {
                    decided.extend(self.record_each(user, found, error).await?);
                    return Ok(decided);
                }
                Err(error) => return Err(error),
            }
        }
        decided.extend(found.into_iter().map(|found| {
            let error = Error::unavailable("record the files", "the usage kept changing");
            (found, Err(error))
        }));
        Ok(decided)
    }

    /// Records `found` one by one after `error`: Postgres cannot store one of them, and only that
    /// one must fail.
    async fn record_each(
        &self,
        user: &UserId,
        mut found: Vec<Found>,
        error: Error,
    ) -> Result<Vec<Decided>, Error> {
        if found.len() == 1
            && let Some(only) = found.pop()
        {
            return Ok(vec![(only, Err(error))]);
        }
        let cause = error.causes();
        tracing::warn!(files = found.len(), cause, "recording one by one");
        let mut decided = Vec::with_capacity(found.len());
        for one in found {
            decided.extend(Box::pin(self.record_found(user, vec![one])).await?);
        }
        Ok(decided)
    }

    /// Marks the objects that the quota has no room for, in the order of the keys. An object whose
    /// row cannot be read is `decided`, since its growth is unknown. Returns the others.
    async fn select(
        &self,
        user: &UserId,
        found: Vec<Found>,
        decided: &mut Vec<Decided>,
    ) -> Result<Vec<Found>, Error> {
        let ids: Vec<FileId> = found.iter().map(|found| found.object.key.id()).collect();
        let (stored, mut states) = self.db.usage_and_states(user, &ids).await?;
        let quota = self.settings.quota_bytes.map_or(i128::MAX, i128::from);
        let mut total = i128::from(stored);
        let mut readable = Vec::with_capacity(found.len());
        for mut one in found {
            let state = match states.remove(&one.object.key.id()).transpose() {
                Ok(state) => state,
                Err(error) => {
                    decided.push((one, Err(error)));
                    continue;
                }
            };
            one.is_over_quota = false;
            let growth = one.growth(state.as_ref());
            one.is_over_quota = growth > 0 && total + growth > quota;
            total += one.growth(state.as_ref());
            readable.push(one);
        }
        Ok(readable)
    }

    /// Removes objects that have a tombstone. Those that remain at `until` are left to `maintain`.
    async fn remove_before(&self, until: Instant, keys: Vec<ObjectKey>) {
        let removals = stream::iter(keys).map(async |key| {
            // The result only shows whether time ran out. A failed removal is logged where it
            // fails.
            let _ = timeout_at(until, self.remove(&key)).await;
        });
        Box::pin(removals.buffer_unordered(AT_ONCE).collect::<()>()).await;
    }
}

/// Splits off all but the first of the objects with the same id.
fn one_for_each_id(found: Vec<Found>) -> (Vec<Found>, Vec<Found>) {
    let mut ids = HashSet::new();
    found
        .into_iter()
        .partition(|found| ids.insert(found.object.key.id()))
}

fn changing() -> Error {
    Error::unavailable(
        "record the file",
        "the object kept changing while it was looked at",
    )
}
