//! The record step for many keys at once, for sweeps. It refuses nothing by itself: it returns the
//! objects that it would refuse, so that a sweep can count them before anything is removed.

use std::collections::HashSet;

use futures_util::stream::{self, StreamExt as _};
use slipway_core::{Code, Error, FileRow, ObjectKey, StoredObject, Tombstone};
use slipway_db::maintain::NewFile;

use crate::{Outcome, Recorder, Settled};

/// The results for many keys.
#[derive(Debug, Default)]
pub struct Swept {
    /// Keys that had no row and have one now, written by one statement.
    pub created: Vec<ObjectKey>,
    /// The outcomes of the other keys.
    pub others: Vec<(ObjectKey, Result<Outcome, Error>)>,
    /// Keys that would be refused, with the reason. Nothing was changed. [`Recorder::refresh`]
    /// refuses them, if the reason still holds.
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
    /// Records `keys`, which seem to have no row, with `at_once` concurrent HEADs.
    ///
    /// One statement creates the rows of all keys without one. The other keys follow one by one in
    /// the order of `keys`, and so do all keys if a quota has no room for all: the selection must
    /// be deterministic. Do not pass more than a few hundred keys, because each is a lock in
    /// Postgres. Fails as a whole if Postgres does not respond.
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

    /// Creates the missing rows, counts them, and returns the other keys.
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
            .db
            .record_new_files(files.collect(), &self.stores.location.bucket, quota)
            .await;
        let made = match made {
            Ok(made) => made,
            // Postgres cannot store one of them. Only that one must fail.
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

    /// Updates the rows of `keys` to what S3 has, as [`Recorder::refresh`] does for one.
    ///
    /// Keys that grow under a quota come last and in the order of `keys`, so that the selection is
    /// deterministic.
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
        let seen = self.db.find_file(key.owner(), key.id()).await?;
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

/// The state of one key of [`Recorder::refresh_many`].
#[expect(
    clippy::large_enum_variant,
    reason = "made once a call and taken apart at once"
)]
enum Refreshed {
    Settled(Settled),
    Grows(StoredObject, Option<FileRow>),
}
