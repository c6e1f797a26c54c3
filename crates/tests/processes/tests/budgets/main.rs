//! Budgets for what is deployed: the size of each binary, and the instructions of typical work.
//!
//! Neither depends on the speed or the load of the machine. A budget is the measured value plus a
//! few percent. A change that lowers the cost lowers the budget too.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "tests fail by panics"
)]

mod callgrind;
mod presign;
mod signer;
mod sizes;
mod tls;

/// Fails if `used` is over `budget`, and prints how much of it is left.
fn within(what: &str, used: u64, budget: u64) {
    eprintln!("{what}: {used}, of at most {budget}");
    assert!(
        used <= budget,
        "{what}: {used} is over its budget of {budget}"
    );
}
