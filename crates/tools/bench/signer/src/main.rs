//! Signs a PUT with a session token a thousand times, or only computes hash and HMAC, so that
//! valgrind can count the instructions.

use std::process::ExitCode;

use slipway_bench_signer::cases::{Keys, all};
use slipway_bench_signer::floor::Floor;
use slipway_bench_signer::ours::Ours;

fn main() -> ExitCode {
    let (keys, cases) = (Keys::with_token(), all());
    let Some(case) = cases.iter().find(|case| case.name == "put") else {
        return ExitCode::FAILURE;
    };
    let floor = Floor::new(&keys, &case.jobs);
    let ours = Ours::new(&keys);
    for _ in 0..1000 {
        match std::env::args().nth(1).as_deref() {
            Some("signer") => case.each(|job| ours.sign(job)),
            Some("floor") => floor.all(),
            // Both start with this.
            _ => {}
        }
    }
    ExitCode::SUCCESS
}
