//! S3 with I/O: what the bucket says of an object, how it begins, and its removal; multipart uploads. Only functions that need it link this.

mod client;
mod delete;
mod denial;
mod error;
mod head;
mod keys;
mod list;
mod look;
mod open_uploads;
mod operations;
mod s3;
mod sdk_error;
mod sdk_http;
mod sdk_timing;
mod uploads;
mod xml;

pub use client::Bucket;
pub use delete::Remaining;
pub use denial::denied;
pub use keys::Keys;
pub use list::{ListPage, Listed, MAX_LIST, OwnersPage};
pub use open_uploads::{OpenUpload, OpenUploads, UploadMarker};
pub use sdk_http::http_client;
pub use uploads::{Attributes, Completion, Conditions, Part};
