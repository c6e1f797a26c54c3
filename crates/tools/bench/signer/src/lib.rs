//! What is signed, by ours and by the arithmetic alone: for the benchmark, and for who counts instructions.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "a benchmark that cannot begin must say so there and then"
)]

pub mod cases;
pub mod floor;
pub mod ours;
