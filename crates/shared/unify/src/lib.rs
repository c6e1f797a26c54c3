//! One set of features for every function, so that a dependency is compiled once.
//!
//! Cargo resolves features for the packages of one build. `sam build` builds each function by itself, so `tokio` with
//! `fs` for a function that uses the AWS SDK and `tokio` without it for another are two compilations, and so is
//! everything above `tokio`. The same happens to procedural macros and build scripts: one more feature of `syn` once
//! compiled AWS-LC a second time, because bindgen writes its bindings with `syn`. Nine functions took 20 minutes where
//! their dependencies take two.
//!
//! Every function depends on `slipway-log`, which depends on this crate, whose manifest names each feature that some
//! function needs of a dependency that several have. Code that no function calls is not linked. The test `unify` of
//! `crates/tests/contract` compares the builds of all functions unit by unit. It cannot see whether Cargo compiles a
//! library to LTO bitcode alone or with machine code next to it, which one cdylib above it decides: `slipway-db` names
//! `crc-fast` for that reason, and the stage `release` checks that `sam build` compiles nothing again.
