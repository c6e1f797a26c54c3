//! S3 with I/O: HEAD and the first bytes of an object, copies, deletes, lists, and multipart
//! uploads.
//!
//! `HeadObject`, `GetObject`, `CopyObject`, `DeleteObject` and `DeleteObjects` use a client of our
//! own, which starts faster than the AWS SDK (`docs/performance.md`). Lists and multipart uploads
//! use the SDK.
//! Only functions that need S3 link this crate.
//!
//! | call | request |
//! |---|---|
//! | HEAD with checksums | `HeadObject` |
//! | the first bytes, to detect the type | `GetObject` with a range |
//! | another name or metadata | `CopyObject` of an object onto itself |
//! | a whole picture, and its preview | `GetObject`, `PutObject` |
//! | removing one object, or up to 1,000 | `DeleteObject`, `DeleteObjects` |
//! | a page of keys | `ListObjectsV2` |
//! | large files | `CreateMultipartUpload`, `ListParts`, `CompleteMultipartUpload`, `AbortMultipartUpload` |

mod client;
mod copy;
mod delete;
mod denial;
mod error;
mod head;
mod keys;
mod list;
mod look;
mod open_uploads;
mod operations;
mod preview;
mod retry;
mod s3;
mod sdk_http;
mod uploads;
mod xml;

pub use client::Bucket;
pub use copy::{Changes, Copied, Source};
pub use delete::Remaining;
pub use denial::denied;
pub use keys::Keys;
pub use list::{ListPage, Listed, MAX_LIST, OwnersPage};
pub use open_uploads::{OpenUpload, OpenUploads, UploadMarker};
pub use sdk_http::http_client;
pub use uploads::{Attributes, Completion, Conditions, Part};
