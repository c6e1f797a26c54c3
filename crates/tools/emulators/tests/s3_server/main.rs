//! The S3 server with the AWS SDK, and with HTTP as browsers and curl use it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod conditions;
mod copies;
mod cors;
mod integrity;
mod listing;
mod multipart;
mod multipart_lists;
mod multipart_sums;
mod objects;
mod presigned;
mod roles;
mod signer;
mod stack;
mod tags;
mod wire;
