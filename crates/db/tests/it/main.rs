//! The database against a real Postgres.

mod delete;
mod faults;
mod idle;
mod list;
mod migrate;
mod pooler;
mod quota;
mod record;
mod same_second;
mod security;
mod support;
mod tls;
mod tutorial;
mod usage;
