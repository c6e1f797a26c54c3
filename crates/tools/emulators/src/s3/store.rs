//! Objects on disk, with an index in memory.
//!
//! Every change holds one lock: check the condition, rename the file, update the index, send the
//! event. Conditions are therefore atomic, and events are in order.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use s3s::S3Result;
use s3s::crypto::{Checksum as _, Sha256};
use s3s::dto::ETagCondition;
use tempfile::NamedTempFile;
use time::OffsetDateTime;
use tokio::sync::mpsc::UnboundedSender;

use super::event::{EventName, ObjectEvent};
use super::fault::{disk, no_such_key, precondition_failed};
use super::object::{Moment, Object};
use super::policy::Tags;
use super::sealed::{Draft, Sealed, read_record};
use super::tags;
use super::uploads::{self, Uploads};
use super::write::hex;

/// The objects of the bucket.
pub(super) struct Store {
    root: PathBuf,
    pub(super) bucket: String,
    pub(super) region: String,
    state: Mutex<StoreState>,
    /// The time of all writes, if a test has set it.
    stopped: Mutex<Option<Moment>>,
    events: UnboundedSender<ObjectEvent>,
}

/// The state under the lock.
pub(super) struct StoreState {
    pub(super) objects: BTreeMap<String, Arc<Object>>,
    pub(super) uploads: Uploads,
    sequencer: u64,
}

/// A condition on the key before it is written.
#[derive(Default)]
pub(super) struct Conditions {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
}

impl Store {
    /// Opens the store under `root`, or creates an empty one. Blocks.
    pub(super) fn open(
        root: PathBuf,
        bucket: String,
        region: String,
        events: UnboundedSender<ObjectEvent>,
    ) -> io::Result<Self> {
        // Unfinished files of the last process were never acknowledged.
        let drafts = root.join("drafts");
        if drafts.exists() {
            fs::remove_dir_all(&drafts)?;
        }
        fs::create_dir_all(&drafts)?;
        for shard in 0..=u8::MAX {
            fs::create_dir_all(root.join("objects").join(format!("{shard:02x}")))?;
        }
        let mut objects = load_objects(&root.join("objects"))?;
        for record in tags::load(&root.join("tags"))? {
            if let Some(object) = objects.get_mut(&record.key) {
                Arc::make_mut(object).tags = record.tags;
            }
        }
        let state = StoreState {
            objects,
            uploads: uploads::load(&root.join("uploads"))?,
            sequencer: 0,
        };
        Ok(Self {
            root,
            bucket,
            region,
            state: Mutex::new(state),
            stopped: Mutex::default(),
            events,
        })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, StoreState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The Last-Modified of an object that is written now.
    pub(super) fn now(&self) -> Moment {
        let stopped = *self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.unwrap_or_else(Moment::now)
    }

    /// From now on, every write has this time.
    pub(super) fn stop_clock(&self, at: Moment) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    pub(super) fn draft(&self) -> S3Result<Draft> {
        Draft::create(&self.root.join("drafts")).map_err(disk)
    }

    pub(super) fn uploads_directory(&self) -> PathBuf {
        self.root.join("uploads")
    }

    /// The object's record, if it exists.
    pub(super) fn find(&self, key: &str) -> Option<Arc<Object>> {
        self.state().objects.get(key).cloned()
    }

    /// The object's record and its bytes, which stay readable whatever happens later.
    pub(super) fn read(&self, key: &str) -> S3Result<(Arc<Object>, File)> {
        let state = self.state();
        let object = state.objects.get(key).cloned().ok_or_else(no_such_key)?;
        let file = File::open(self.path(key)).map_err(disk)?;
        Ok((object, file))
    }

    /// Makes a sealed file the object, if the conditions hold.
    pub(super) fn put(
        &self,
        object: Object,
        sealed: Sealed,
        conditions: &Conditions,
        name: EventName,
    ) -> S3Result<Arc<Object>> {
        let mut state = self.state();
        self.put_locked(&mut state, object, sealed, conditions, name)
    }

    /// `put` for a caller that changes more under the same lock.
    pub(super) fn put_locked(
        &self,
        state: &mut StoreState,
        object: Object,
        sealed: Sealed,
        conditions: &Conditions,
        name: EventName,
    ) -> S3Result<Arc<Object>> {
        conditions.check(state.objects.get(&object.key).map(|object| &**object))?;
        self.forget_tags(state, &object.key)?;
        sealed.publish(&self.path(&object.key)).map_err(disk)?;
        if !object.tags.is_empty() {
            self.write_tags(&object.key, &object.tags).map_err(disk)?;
        }
        let object = Arc::new(object);
        state
            .objects
            .insert(object.key.clone(), Arc::clone(&object));
        self.tell(state, name, &object);
        Ok(object)
    }

    /// Deletes the object. It may be missing.
    pub(super) fn delete(&self, key: &str, if_match: Option<ETagCondition>) -> S3Result<()> {
        let mut state = self.state();
        let conditions = Conditions {
            if_match,
            if_none_match: None,
        };
        conditions.check(state.objects.get(key).map(|object| &**object))?;
        self.forget_tags(&state, key)?;
        if let Some(object) = state.objects.remove(key) {
            fs::remove_file(self.path(key)).map_err(disk)?;
            self.tell(&mut state, EventName::Delete, &object);
        }
        Ok(())
    }

    /// Replaces the tags of the object under `key`, if `is_it` accepts it.
    pub(super) fn set_tags(
        &self,
        key: &str,
        tags: Tags,
        is_it: impl Fn(&Arc<Object>) -> bool,
    ) -> S3Result<()> {
        let mut state = self.state();
        let object = state.objects.get(key).cloned();
        let object = object.filter(is_it).ok_or_else(no_such_key)?;
        self.write_tags(key, &tags).map_err(disk)?;
        let mut object = Object::clone(&object);
        object.tags = tags;
        state.objects.insert(key.to_owned(), Arc::new(object));
        Ok(())
    }

    /// Called before another object takes the key, or the object is deleted.
    fn forget_tags(&self, state: &StoreState, key: &str) -> S3Result<()> {
        let tagged = state.objects.get(key);
        if tagged.is_some_and(|object| !object.tags.is_empty()) {
            fs::remove_file(self.tags_path(key)).map_err(disk)?;
        }
        Ok(())
    }

    fn write_tags(&self, key: &str, tags: &Tags) -> io::Result<()> {
        let record = tags::Record {
            key: key.to_owned(),
            tags: tags.clone(),
        };
        let mut file = NamedTempFile::new_in(self.root.join("drafts"))?;
        file.write_all(&serde_json::to_vec(&record)?)?;
        file.persist(self.tags_path(key))
            .map_err(|error| error.error)?;
        Ok(())
    }

    fn tags_path(&self, key: &str) -> PathBuf {
        self.root.join("tags").join(hashed(key))
    }

    fn path(&self, key: &str) -> PathBuf {
        let name = hashed(key);
        let (shard, rest) = name.split_at(2);
        self.root.join("objects").join(shard).join(rest)
    }

    fn tell(&self, state: &mut StoreState, name: EventName, object: &Object) {
        let time = OffsetDateTime::now_utc();
        let nanoseconds = u64::try_from(time.unix_timestamp_nanos()).unwrap_or_default();
        state.sequencer = nanoseconds.max(state.sequencer + 1);
        // The receiver may be dropped.
        let _ = self.events.send(ObjectEvent {
            name,
            bucket: self.bucket.clone(),
            region: self.region.clone(),
            key: object.key.clone(),
            size: object.size,
            etag: object.etag.clone(),
            time,
            sequencer: state.sequencer,
        });
    }
}

impl Conditions {
    pub(super) fn check(&self, existing: Option<&Object>) -> S3Result<()> {
        let matches = |condition: &ETagCondition| match (existing, condition.as_etag()) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(object), Some(etag)) => object.etag().strong_cmp(etag),
        };
        if self
            .if_match
            .as_ref()
            .is_some_and(|condition| !matches(condition))
        {
            let missing = existing.is_none();
            return Err(if missing {
                no_such_key()
            } else {
                precondition_failed()
            });
        }
        if self.if_none_match.as_ref().is_some_and(matches) {
            return Err(precondition_failed());
        }
        Ok(())
    }
}

/// Keys may be longer than file names and contain any character, so a hash is the file name.
fn hashed(key: &str) -> String {
    hex(&Sha256::checksum(key.as_bytes()))
}

fn load_objects(directory: &Path) -> io::Result<BTreeMap<String, Arc<Object>>> {
    let mut objects = BTreeMap::new();
    for shard in fs::read_dir(directory)? {
        for entry in fs::read_dir(shard?.path())? {
            let path = entry?.path();
            match read_record::<Object>(&File::open(&path)?) {
                Ok(object) => {
                    objects.insert(object.key.clone(), Arc::new(object));
                }
                // The machine may have crashed before the bytes were on the disk.
                Err(error) => {
                    tracing::warn!(%error, path = %path.display(), "skipping a damaged object");
                }
            }
        }
    }
    Ok(objects)
}
