//! The same step for many keys at once, where most have no row yet.

use futures_util::stream::{self, StreamExt as _};
use slipway_core::{Code, Error, ObjectKey, StoredObject};
use slipway_db::maintain::NewFile;

use crate::{Outcome, Recorder};

/// What became of many keys.
#[derive(Debug, Default)]
pub struct RecordedMany {
    /// Those that had no row and have one now, by the one statement for all.
    pub created: Vec<ObjectKey>,
    /// What became of each of the others.
    pub others: Vec<(ObjectKey, Result<Outcome, Error>)>,
}

impl Recorder {
    /// Records `keys`, of which `at_once` are looked at at the same time.
    ///
    /// What has no row yet gets one by one statement for all; whatever else is found goes through
    /// [`Recorder::record`]. More than a few hundred keys are more locks than Postgres may have.
    /// Fails as a whole where Postgres does not answer.
    pub async fn record_many(
        &self,
        keys: Vec<ObjectKey>,
        at_once: usize,
    ) -> Result<RecordedMany, Error> {
        let (mut many, mut found) = (RecordedMany::default(), Vec::new());
        let mut heads = stream::iter(keys)
            .map(async |key| (self.look(&key).await, key))
            .buffer_unordered(at_once);
        while let Some((head, key)) = heads.next().await {
            match head {
                Ok(Some(object)) => found.push(object),
                Ok(None) => many.others.push((key, Ok(Outcome::Missing))),
                Err(error) => many.others.push((key, Err(error))),
            }
        }
        let (accepted, refused): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|object| self.limit_passed(object).is_none());
        let mut rest: Vec<ObjectKey> = refused.into_iter().map(|object| object.key).collect();
        if !accepted.is_empty() {
            many.created = self.put_new(accepted, &mut rest).await?;
        }
        let mut outcomes = stream::iter(rest)
            .map(async |key| (self.record(&key).await, key))
            .buffer_unordered(at_once);
        while let Some((outcome, key)) = outcomes.next().await {
            many.others.push((key, outcome));
        }
        Ok(many)
    }

    /// Makes rows of those that have none, and returns their keys. The others' keys go to `rest`.
    async fn put_new(
        &self,
        found: Vec<StoredObject>,
        rest: &mut Vec<ObjectKey>,
    ) -> Result<Vec<ObjectKey>, Error> {
        let keys: Vec<ObjectKey> = found.iter().map(|object| object.key.clone()).collect();
        let files = found
            .into_iter()
            .map(|object| NewFile {
                file_url: self.location.public_url(self.public.as_ref(), &object.key),
                object,
            })
            .collect();
        let made = self
            .db
            .record_new_files(files, &self.location.bucket, self.quota_bytes)
            .await;
        let made = match made {
            Ok(made) => made,
            // One of them is more than Postgres can take: that one alone shall fail.
            Err(error) if error.code() == Code::Internal => {
                let cause = error.causes();
                tracing::warn!(files = keys.len(), cause, "recording one by one");
                std::collections::HashSet::new()
            }
            Err(error) => return Err(error),
        };
        let (made, others): (Vec<_>, Vec<_>) =
            keys.into_iter().partition(|key| made.contains(&key.id()));
        rest.extend(others);
        Ok(made)
    }
}
