//! What `maintain` asks of the table: everybody's rows, as the role `slipway_maintain`.
//!
//! The policies of that role let it see every row, and nothing lets it step around them.

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
