//! A small S3 server on disk, for development and tests.
//!
//! `s3s` implements the protocol and verifies signatures. This module stores the bytes and keeps
//! the guarantees that the system depends on: a write is complete or absent, metadata in signed
//! queries is stored, browsers may call, and every change sends an event. It is as strict as S3
//! where that has caused bugs.
//!
//! There is one bucket with path-style URLs. There is an administrator's key pair, and one for each
//! function with the grants of the function's role in `template.yaml`. The template's bucket policy
//! applies to every request. Nothing is synced to the disk: stored objects survive the process, but
//! not a crash of the machine.

mod access;
mod body;
mod checksum;
mod complete;
mod copy;
mod cors;
mod edge;
mod event;
mod fault;
mod keys;
mod list;
mod multipart;
mod object;
mod pages;
mod policy;
mod read;
mod receive;
mod scanner;
mod sealed;
mod server;
mod service;
mod store;
mod tags;
mod uploads;
mod uses;
mod write;

pub use self::cors::CorsRule;
pub use self::event::{EventName, ObjectEvent};
pub use self::keys::KeyPair;
pub use self::policy::{
    AuthType, Decision, Document, Policy, PolicyError, Request as PolicyRequest, Role, Signed, Tags,
};
pub use self::scanner::{NO_THREATS_FOUND, Scanner, THREATS_FOUND};
pub use self::server::{S3Options, S3Server};
pub use self::uses::Used;
