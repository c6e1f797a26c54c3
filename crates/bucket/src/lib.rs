//! S3 with I/O: what the bucket says of an object, how it begins, and its removal. Only functions that need it link this.

mod client;
mod delete;
mod error;
mod head;
mod list;
mod look;
mod timing;

pub use client::Bucket;
pub use list::{ListPage, Listed, MAX_LIST};
