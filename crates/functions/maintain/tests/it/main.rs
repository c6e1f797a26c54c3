//! Maintenance on a real Postgres and a real S3 protocol: what it promises, and what it leaves alone.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod command;
mod concurrency;
mod crash;
mod credentials;
mod deletes;
mod erase;
mod failover;
mod faults;
mod force;
mod limits;
mod mess;
mod rebuild;
mod reconcile;
mod recover;
mod roles;
mod shards;
mod signals;
mod uploads;
mod world;
