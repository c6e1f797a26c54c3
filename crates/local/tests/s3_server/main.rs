//! The S3 server against the AWS SDK, and against HTTP as browsers and curl speak it.

mod conditions;
mod cors;
mod integrity;
mod listing;
mod multipart;
mod objects;
mod presigned;
mod signer;
mod stack;
mod wire;
