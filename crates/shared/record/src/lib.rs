//! The one idempotent step that records what S3 has under a key.
//!
//! The client's `save-metadata` call, an S3 event, a completed multipart upload and the reconciler
//! all run this step. It works the same in any order and any number of times, because it takes
//! nothing from its caller but the key:
//!
//! 1. A HEAD (and a ranged GET of the first bytes) reads the object from S3.
//! 2. One statement compares that with the row and writes it. The statement decides: a newer object
//!    wins, a duplicate changes nothing, a tombstone is final. Usage moves by what the statement
//!    has changed.
//! 3. If the statement made or found a tombstone, the object is removed. If that fails, `maintain`
//!    removes it.
//!
//! S3 reports times in whole seconds. If the row and the HEAD have the same second and differ, the
//! step repeats the HEAD after it has read the row: that response is known to be the later one.
//!
//! Limits, rules and quota refuse only what is new, larger than its row, or of another type than
//! its row. A limit that was lowered, or a bucket that was restored by a copy, never removes a file
//! that was accepted.

mod confirm;
mod many;
mod next;
mod stores;
mod terms;

use slipway_core::env::{ConfigError, Environment};
use slipway_core::limits::{SizeLimits, quota_bytes, too_large};
use slipway_core::scan::require_scan;
use slipway_core::{Code, Error, FileRow, ObjectKey, StoredObject, Tombstone, UploadRules};
use slipway_db::{Db, ObjectAddress};
use slipway_s3_urls::PublicBase;

use next::Next;
use terms::Refuses;

pub use many::Swept;
pub use stores::Stores;
pub use terms::Listing;

/// The maximum number of attempts to record an object that keeps changing.
const LOOKS: u32 = 5;

/// The result of the record step for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The file was recorded now.
    Created(FileRow),
    /// The file had a row, which now describes what S3 has.
    Existing(FileRow),
    /// There is no object under the key.
    Missing,
    /// The file was deleted. A later upload is removed again.
    Deleted,
    /// The object was refused and removed, now or before, for its size, its type or the owner's
    /// quota. The error has the reason.
    Refused(Refusal),
}

/// The reason for refusing an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Larger than this deployment accepts, in bytes.
    TooLarge {
        /// Its length.
        size: u64,
        /// The limit.
        max: u64,
    },
    /// An object under the same key was too large when an earlier call recorded it.
    WasTooLarge,
    /// Its rule does not allow its type.
    TypeNotAllowed,
    /// Its bytes do not match the checksum that the client sent at completion.
    ChecksumMismatch,
    /// The owner's quota has no room for it.
    OverQuota,
}

impl Refusal {
    /// The refusal that a tombstone records. `None` if the owner deleted the file.
    #[must_use]
    pub const fn of(tombstone: Tombstone) -> Option<Self> {
        match tombstone {
            Tombstone::Deleted => None,
            Tombstone::TooLarge => Some(Self::WasTooLarge),
            Tombstone::OverQuota => Some(Self::OverQuota),
            Tombstone::TypeNotAllowed => Some(Self::TypeNotAllowed),
            Tombstone::ChecksumMismatch => Some(Self::ChecksumMismatch),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooLarge { size, max } => too_large(size, max),
            Refusal::WasTooLarge => Self::new(
                Code::FileTooLarge,
                "The file was larger than is accepted here, and was removed. Presign again for a smaller one.",
            ),
            Refusal::TypeNotAllowed => Self::new(
                Code::TypeNotAllowed,
                "The file's type is not accepted under its rule, and it was removed. Presign again for another type or rule.",
            ),
            Refusal::ChecksumMismatch => Self::new(
                Code::ChecksumMismatch,
                "The stored bytes do not have checksumCrc64nvme, and were removed. Upload the file again.",
            ),
            Refusal::OverQuota => Self::new(
                Code::QuotaExceeded,
                "The file does not fit into your quota. It was removed; delete files first.",
            ),
        }
    }
}

/// The result for an object that may be left undecided.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "made once a call and taken apart at once"
)]
enum Settled {
    /// The record step has decided.
    As(Outcome),
    /// It would be refused for this reason, and nothing was changed.
    Refusable(Tombstone),
}

/// The settings of the record step.
#[derive(Clone, Debug)]
pub struct Settings {
    public: Option<PublicBase>,
    limits: SizeLimits,
    rules: UploadRules,
    quota_bytes: Option<u64>,
    /// Set if the step reads the first bytes of an object to detect its type.
    detects: bool,
}

impl Settings {
    /// Reads `PUBLIC_BASE_URL`, the size limits, `UPLOAD_RULES`, `USER_QUOTA_BYTES` and
    /// `DETECT_CONTENT`.
    pub fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        // Validate `REQUIRE_SCAN` here too, so that a deployment that cannot enforce it fails at
        // init.
        require_scan(env)?;
        Ok(Self {
            public: PublicBase::from_env(env)?,
            limits: SizeLimits::from_env(env)?,
            rules: UploadRules::from_env(env)?,
            quota_bytes: quota_bytes(env)?,
            detects: env.flag_or("DETECT_CONTENT", true)?,
        })
    }
}

/// Records files in the stores of a function.
#[derive(Clone, Copy, Debug)]
pub struct Recorder<'a> {
    stores: &'a Stores,
    /// The connection of `stores`, with or without events.
    db: &'a Db,
    settings: &'a Settings,
    refuses: Refuses,
    expects_new: bool,
}

impl<'a> Recorder<'a> {
    /// A recorder that refuses every object over a limit or the quota, as client calls and events
    /// require.
    #[must_use]
    pub const fn new(stores: &'a Stores, settings: &'a Settings) -> Self {
        Self {
            stores,
            db: &stores.db,
            settings,
            refuses: Refuses::All,
            expects_new: false,
        }
    }

    /// A recorder for callers that are usually the first to record an object: clients. It tries a
    /// cheaper statement first, which creates a row. If there is a row already, the usual statement
    /// follows, which is another round trip to Postgres.
    #[must_use]
    pub const fn expecting_new(self) -> Self {
        Self {
            expects_new: true,
            ..self
        }
    }

    /// A recorder for maintenance. An object that no upload URL can have written recently was
    /// accepted once, so it is recorded whatever the limits and the quota are now.
    #[must_use]
    pub const fn for_maintenance(self) -> Self {
        Self {
            refuses: Refuses::Young,
            ..self
        }
    }

    /// A recorder that refuses nothing.
    #[must_use]
    pub const fn lenient(self) -> Self {
        Self {
            refuses: Refuses::Nothing,
            ..self
        }
    }

    /// A recorder that writes to `db`, which is the same database. It is for a rebuild and for an
    /// erasure, which emit no events.
    #[must_use]
    pub const fn writing_to(self, db: &'a Db) -> Self {
        Self { db, ..self }
    }

    /// The plain URL of the object under `key`.
    #[must_use]
    pub fn file_url(&self, key: &ObjectKey) -> String {
        let Settings { public, .. } = self.settings;
        self.stores.location.public_url(public.as_ref(), key)
    }

    /// Updates the table to what S3 has under `key`.
    pub async fn record(&self, key: &ObjectKey) -> Result<Outcome, Error> {
        let recorded = self.record_seen(key, None).await;
        recorded.map_err(|error| error.of_file(key))
    }

    /// Updates a row that differs from S3. S3 is right even if its object is older than the row,
    /// for example after a later version was removed.
    pub async fn refresh(&self, key: &ObjectKey) -> Result<Outcome, Error> {
        let refreshed = async {
            let seen = self.db.find_file(key.owner(), key.id()).await?;
            self.record_seen(key, seen).await
        };
        refreshed.await.map_err(|error: Error| error.of_file(key))
    }

    /// `seen` is a row that was read before the HEAD. S3 reports times in whole seconds, so of two
    /// uploads in one second only that order shows which one is later.
    async fn record_seen(&self, key: &ObjectKey, seen: Option<FileRow>) -> Result<Outcome, Error> {
        let Some(object) = self.look(key).await? else {
            return Ok(Outcome::Missing);
        };
        match self.settle(object, seen, true).await? {
            Settled::As(outcome) => Ok(outcome),
            // This call refuses, so it leaves nothing undecided.
            Settled::Refusable(_) => {
                Err(Error::internal("record the file", "it was left undecided"))
            }
        }
    }

    /// Records `object`, whose HEAD was sent after the row `seen` was read. Repeats the HEAD while
    /// the object changes.
    ///
    /// Unless `refuses` is set, an object that would be refused is left as it is.
    async fn settle(
        &self,
        mut object: StoredObject,
        mut seen: Option<FileRow>,
        refuses: bool,
    ) -> Result<Settled, Error> {
        let key = object.key.clone();
        let file_url = self.file_url(&key);
        let location = ObjectAddress {
            bucket: &self.stores.location.bucket,
            file_url: &file_url,
        };
        for _ in 0..LOOKS {
            let broken = self.broken(&object);
            let recorded = if let Some(broken) = broken {
                let why = broken.reason();
                if !refuses && seen.as_ref().is_none_or(|row| object.exceeds(row)) {
                    return Ok(Settled::Refusable(why));
                }
                let recorded = self
                    .db
                    .tombstone_refused(&object, &location, why, seen.as_ref());
                recorded.await?
            } else {
                let quota = self.quota_for(object.last_modified);
                if self.expects_new && seen.is_none() {
                    let created = self.db.try_create_file(&object, &location, quota);
                    if let Some(row) = created.await? {
                        return Ok(Settled::As(Outcome::Created(row)));
                    }
                }
                let recorded = self
                    .db
                    .try_record_file(&object, &location, quota, seen.as_ref());
                match recorded.await? {
                    Some(recorded) => recorded,
                    None if !refuses => return Ok(Settled::Refusable(Tombstone::OverQuota)),
                    None => {
                        let why = Tombstone::OverQuota;
                        let recorded =
                            self.db
                                .tombstone_refused(&object, &location, why, seen.as_ref());
                        recorded.await?
                    }
                }
            };
            match Next::after(recorded, seen.is_none(), &object, broken) {
                Next::Done(outcome) => return Ok(Settled::As(outcome)),
                Next::Remove(outcome) => {
                    self.remove(&key).await;
                    return Ok(Settled::As(outcome));
                }
                Next::Again(row) => seen = Some(row),
            }
            let Some(again) = self.look(&key).await? else {
                return Ok(Settled::As(Outcome::Missing));
            };
            object = again;
        }
        // The owner keeps replacing the object. The row describes what S3 had a moment ago, and the
        // event of the last upload will arrive.
        seen.map(|row| Settled::As(Outcome::Existing(row)))
            .ok_or_else(|| {
                Error::unavailable(
                    "record the file",
                    "the object kept changing while it was looked at",
                )
            })
    }

    /// Reads the object under `key`, and detects its type if that is configured.
    async fn look(&self, key: &ObjectKey) -> Result<Option<StoredObject>, Error> {
        if self.settings.detects {
            self.stores.bucket.head_and_detect(key).await
        } else {
            self.stores.bucket.head(key).await
        }
    }

    /// Drops a live row whose object is missing, for example because it was removed by hand.
    pub async fn forget(&self, key: &ObjectKey) -> Result<bool, Error> {
        let forgotten = self.forget_missing(key).await;
        forgotten.map_err(|error| error.of_file(key))
    }

    async fn forget_missing(&self, key: &ObjectKey) -> Result<bool, Error> {
        let Some(row) = self.db.find_file(key.owner(), key.id()).await? else {
            return Ok(false);
        };
        // The row was read first, so a 404 from a later HEAD is newer than the row.
        if self.stores.bucket.head(key).await?.is_some() {
            return Ok(false);
        }
        let forgotten = self.db.forget_missing(key, &row).await?;
        if forgotten && row.preview_etag.is_some() {
            self.remove(&key.preview()).await;
        }
        Ok(forgotten)
    }

    /// Refuses the recorded file `row`, unless it was replaced since. Returns whether it is refused
    /// now.
    pub async fn refuse(&self, row: &FileRow, why: Tombstone) -> Result<bool, Error> {
        let refused = self.db.refuse_recorded(row, why).await?;
        if refused {
            self.remove(&row.object_key).await;
            if row.preview_etag.is_some() {
                self.remove(&row.object_key.preview()).await;
            }
        }
        Ok(refused)
    }

    /// Removes an object that has a tombstone. If S3 fails now, `maintain` removes it.
    async fn remove(&self, key: &ObjectKey) {
        if let Err(error) = self.stores.bucket.delete(key).await {
            tracing::warn!(
                fileId = %key.id(),
                owner = key.owner().fingerprint(),
                code = error.code().as_str(),
                cause = error.causes(),
                s3RequestId = error.s3_request(),
                "the object remains; maintain removes it"
            );
        }
    }
}
