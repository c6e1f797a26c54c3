//! The queries of `maintain`: the rows of all users, as the role `slipway_maintain`.
//!
//! The policies of that role let it see every row. The role cannot bypass the policies.

mod checkpoint;
mod record;
mod relocate;
mod removals;
mod rows;
mod shards;
mod tombstones;
mod transaction;
mod uploads;
mod usage;

pub use checkpoint::{Checkpoint, Hold, Lease, Sweep};
pub use record::NewFile;
pub use relocate::Relocated;
pub use removals::{RemovalLimit, RemovalsLeft};
pub use rows::KeptRow;
pub use shards::KeyRange;
pub use tombstones::{TombstoneCursor, TombstoneRow};
pub use uploads::OldUpload;
pub use usage::UsageDrift;
