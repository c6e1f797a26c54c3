//! `maintain` against a real Postgres and the emulated S3: its guarantees and its limits.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod command;
mod concurrency;
mod crash;
mod credentials;
mod deletes;
mod erase;
mod events;
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
