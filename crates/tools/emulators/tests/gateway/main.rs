//! The emulators of API Gateway and of the Lambda runtime API, from the side of clients and of
//! functions.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cors;
mod function;
mod limits;
mod requests;
mod runtime;
