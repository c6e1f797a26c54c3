//! The next action for a recorded object.

use slipway_core::{FileRow, StoredObject, Tombstone};
use slipway_db::Recorded;

use crate::terms::Broken;
use crate::{Outcome, Refusal};

/// The next action after a statement that recorded an object.
pub(crate) enum Next {
    /// No further action.
    Done(Outcome),
    /// Remove the object.
    Remove(Outcome),
    /// Repeat the HEAD, now that this row was read.
    Again(FileRow),
}

impl Next {
    /// `is_first`: no row had been read before the HEAD of `object`, which breaks the limit or rule
    /// `broken`.
    pub(crate) fn after(
        recorded: Recorded,
        is_first: bool,
        object: &StoredObject,
        broken: Option<Broken>,
    ) -> Self {
        match recorded {
            Recorded::Created(row) => Self::Done(Outcome::Created(row)),
            Recorded::Updated(row) if is_first => Self::Done(Outcome::Existing(row)),
            Recorded::Unchanged(row) => Self::Done(Outcome::Existing(row)),
            Recorded::Tombstoned(why) => {
                let refusal = match (why, broken) {
                    (Tombstone::TooLarge, Some(Broken::Size(max))) => Some(Refusal::TooLarge {
                        size: object.size,
                        max,
                    }),
                    _ => Refusal::of(why),
                };
                Self::Remove(refusal.map_or(Outcome::Deleted, Outcome::Refused))
            }
            Recorded::Stale(row) | Recorded::Updated(row) => Self::Again(row),
        }
    }
}
