//! The same step for many keys at once, for sweeps. It refuses nothing by itself: what it would
//! refuse is handed back, so that a sweep can count it before anything is removed.

use std::collections::HashSet;

use futures_util::stream::{self, StreamExt as _};
use slipway_core::{Code, Error, FileRow, ObjectKey, StoredObject, Tombstone};
use slipway_db::maintain::NewFile;

use crate::{Outcome, Recorder, Settled};

/// What became of many keys.
#[derive(Debug, Default)]
pub struct Swept {
    /// Those that had no row and have one now, by the one statement for all.
    pub created: Vec<ObjectKey>,
    /// What became of each of the others.
    pub others: Vec<(ObjectKey, Result<Outcome, Error>)>,
    /// Those that would be refused, and why: nothing was changed. [`Recorder::refresh`] refuses
    /// them, if that is still so.
    pub refusable: Vec<(ObjectKey, Tombstone)>,
}

impl Swept {
    fn note(&mut self, key: ObjectKey, settled: Result<Settled, Error>) {
        match settled {
            Ok(Settled::As(outcome)) => self.others.push((key, Ok(outcome))),
            Ok(Settled::Refusable(why)) => self.refusable.push((key, why)),
            Err(error) => self.others.push((key, Err(error))),
        }
    }
}

impl Recorder<'_> {
    /// Records `keys`, which seem to have no row, of which `at_once` are looked at at the same
    /// time.
    ///
    /// Those without a row get one by one statement for all. The others, and all where a quota has
    /// no room for all, follow one by one in the order of `keys`: which of them fit must not depend
    /// on chance. More than a few hundred keys are more locks than Postgres may have. Fails as a
    /// whole where Postgres does not answer.
    pub async fn record_many(&self, keys: Vec<ObjectKey>, at_once: usize) -> Result<Swept, Error> {
        let (mut swept, mut strict, mut kept) = (Swept::default(), Vec::new(), Vec::new());
        let mut looks = stream::iter(keys)
            .map(async |key| (self.look(&key).await, key))
            .buffered(at_once);
        while let Some((look, key)) = looks.next().await {
            let broken = |object| self.refuses(object, None);
            if let Ok(Some(why)) = look.as_ref().map(|object| object.as_ref().and_then(broken)) {
                swept.refusable.push((key, why));
                continue;
            }
            match look {
                Ok(Some(object)) if self.quota_for(object.last_modified).is_some() => {
                    strict.push(object);
                }
                Ok(Some(object)) => kept.push(object),
                Ok(None) => swept.others.push((key, Ok(Outcome::Missing))),
                Err(error) => swept.others.push((key, Err(error))),
            }
        }
        for (objects, quota) in [(kept, None), (strict, self.settings.quota_bytes)] {
            let rest = self.put_new(objects, quota, &mut swept).await?;
            for object in rest {
                let key = object.key.clone();
                let settled = self.settle(object, None, false).await;
                swept.note(key, settled);
            }
        }
        Ok(swept)
    }

    /// Makes rows of those that have none, counts them, and answers the others.
    async fn put_new(
        &self,
        objects: Vec<StoredObject>,
        quota: Option<u64>,
        swept: &mut Swept,
    ) -> Result<Vec<StoredObject>, Error> {
        if objects.is_empty() {
            return Ok(objects);
        }
        let files = objects.iter().map(|object| NewFile {
            file_url: self.file_url(&object.key),
            object: object.clone(),
        });
        let made = self
            .stores
            .db
            .record_new_files(files.collect(), &self.stores.location.bucket, quota)
            .await;
        let made = match made {
            Ok(made) => made,
            // One of them is more than Postgres can take: that one alone shall fail.
            Err(error) if error.code() == Code::Internal => {
                let cause = error.causes();
                tracing::warn!(files = objects.len(), cause, "recording one by one");
                HashSet::new()
            }
            Err(error) => return Err(error),
        };
        let (created, others) = objects
            .into_iter()
            .partition::<Vec<_>, _>(|object| made.contains(&object.key.id()));
        let created = created.into_iter().map(|object| object.key);
        swept.created.extend(created);
        Ok(others)
    }

    /// Makes the rows of `keys` say what S3 has, as [`Recorder::refresh`] does for one.
    ///
    /// Those that grow under a quota come last and in the order of `keys`: which of them fit must
    /// not depend on chance.
    pub async fn refresh_many(&self, keys: Vec<ObjectKey>, at_once: usize) -> Swept {
        let mut swept = Swept::default();
        let mut growing = Vec::new();
        let mut steps = stream::iter(keys)
            .map(async |key| {
                let step = self.refresh_unless_it_grows(&key).await;
                (key, step)
            })
            .buffered(at_once);
        while let Some((key, step)) = steps.next().await {
            match step {
                Ok(Refreshed::Settled(settled)) => swept.note(key, Ok(settled)),
                Ok(Refreshed::Grows(object, seen)) => growing.push((key, object, seen)),
                Err(error) => swept.note(key, Err(error)),
            }
        }
        for (key, object, seen) in growing {
            let settled = self.settle(object, seen, false).await;
            swept.note(key, settled);
        }
        swept
    }

    async fn refresh_unless_it_grows(&self, key: &ObjectKey) -> Result<Refreshed, Error> {
        let seen = self.stores.db.find_file(key.owner(), key.id()).await?;
        let Some(object) = self.look(key).await? else {
            return Ok(Refreshed::Settled(Settled::As(Outcome::Missing)));
        };
        let grows = seen.as_ref().is_none_or(|row| object.size > row.size);
        if grows && self.quota_for(object.last_modified).is_some() {
            return Ok(Refreshed::Grows(object, seen));
        }
        self.settle(object, seen, false)
            .await
            .map(Refreshed::Settled)
    }
}

/// How far one of [`Recorder::refresh_many`] came.
#[expect(
    clippy::large_enum_variant,
    reason = "made once a call and taken apart at once"
)]
enum Refreshed {
    Settled(Settled),
    Grows(StoredObject, Option<FileRow>),
}
