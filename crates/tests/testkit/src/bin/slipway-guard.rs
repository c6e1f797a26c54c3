//! The keeper of programs that tests start: ends them when the test process ends, however that is.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The first word is `guard`, as every guard program expects it.
    slipway_emulators::guard::main(std::env::args_os().skip(2))
}
