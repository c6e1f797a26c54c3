//! The services of AWS that a laptop lacks: an S3 server, API Gateway and Lambda; also Postgres,
//! and a guard for processes.
//!
//! `cargo dev`, the tests and the benchmark share them. Each has the limits and the error responses
//! of the real service, because a test that passes against a more lenient server proves nothing.

pub mod capture;
pub mod gateway;
pub mod guard;
pub mod lambda;
pub mod postgres;
pub mod s3;
pub mod sqs;
pub mod token;
pub mod tools;
pub mod webhook;
