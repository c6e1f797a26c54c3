//! What a laptop lacks: an S3 server, a Postgres, and a guard that ends them.

pub mod capture;
pub mod gateway;
pub mod guard;
pub mod lambda;
pub mod postgres;
pub mod s3;
pub mod tools;
