//! The API Gateway and the Lambda runtime API of ours, as clients and as functions meet them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cors;
mod function;
mod limits;
mod requests;
mod runtime;
