//! A small S3 server on disk, for development and tests.
//!
//! `s3s` speaks the protocol and verifies signatures; this module keeps the
//! bytes and the promises that the system rests on: a write is whole or absent,
//! hoisted metadata is stored, a browser may call, and every change is told.
//! Where S3 is strict in a way that has bitten people, so is this.
//!
//! One bucket, path style. There is an administrator's key pair, and one for each function, which may
//! do what the function's role in `template.yaml` grants. The bucket policy of the template holds for
//! every request. Nothing is synced to the platter: what is stored survives the process, not the
//! machine.

mod access;
mod body;
mod checksum;
mod complete;
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
