//! The database against a real Postgres.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and is left out aloud"
)]

mod content;
mod delete;
mod diagnosis;
mod events;
mod faults;
mod idle;
mod list;
mod migrate;
mod page;
mod pooler;
mod quota;
mod record;
mod record_many;
mod same_second;
mod security;
mod support;
mod tls;
mod tutorial;
mod uploads;
mod usage;
mod webhooks;
