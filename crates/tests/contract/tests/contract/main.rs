//! Tests every function with real events, on a real Postgres and an S3 server with the real
//! protocol.
//!
//! There is a file for each function and for each rule that concerns all of them. `world` is a
//! deployment for one test. Every response is validated against `openapi.yaml`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod confirm;
mod confirm_faults;
mod content;
mod contract;
mod delete;
mod events;
mod examples;
mod excluded;
mod faults;
mod files;
mod files_urls;
mod grants;
mod identity;
mod keys;
mod links;
mod log;
mod metadata;
mod multipart;
mod multipart_abort;
mod multipart_checksums;
mod multipart_complete;
mod multipart_faults;
mod multipart_rules;
mod names;
mod names_rules;
mod operate;
mod owner;
mod owner_wild;
mod ownership;
mod paths;
mod presign;
mod presign_refusals;
mod presign_s3;
mod previews;
mod quota;
mod readme;
mod record_upload;
mod rename;
mod rename_races;
mod requests;
mod rules;
mod save_metadata;
mod scan;
mod servers;
mod shape;
mod spec;
mod template;
mod unfinished;
mod unify;
mod upload_rules;
mod webhooks;
mod wild;
mod world;
