//! What may not grow unseen: the size of what is deployed, and the instructions that its work takes.
//!
//! Neither depends on the machine's speed or on who else uses it. A budget is what was measured and a few percent on
//! top; who lowers the cost lowers the budget with it.

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

/// Fails where `used` is over its budget, and tells how much is left of it.
fn within(what: &str, used: u64, budget: u64) {
    eprintln!("{what}: {used}, of at most {budget}");
    assert!(
        used <= budget,
        "{what}: {used} is over its budget of {budget}"
    );
}
