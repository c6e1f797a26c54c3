//! Every function through real events, on a real Postgres and a real S3 protocol.
//!
//! A file for each function, and for each promise that concerns all of them. `world` is the deployment that
//! a test talks to; whatever it answers is held to `openapi.yaml`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod confirm;
mod content;
mod contract;
mod delete;
mod event;
mod events;
mod examples;
mod excluded;
mod faults;
mod files;
mod files_urls;
mod gate;
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
mod presign;
mod presign_refusals;
mod presign_s3;
mod quota;
mod readme;
mod record_upload;
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
mod wild;
mod upload_rules;
mod world;
