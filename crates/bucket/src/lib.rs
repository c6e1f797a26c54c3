//! S3 with I/O: what the bucket says of an object, and its removal. Only functions that need it link this.

mod client;
mod delete;
mod error;
mod head;

pub use client::Bucket;
