//! The cases of the benchmark with our signer and with the arithmetic alone. The instruction budget
//! uses them too.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "a benchmark without valid input must fail at once"
)]

pub mod cases;
pub mod floor;
pub mod ours;
