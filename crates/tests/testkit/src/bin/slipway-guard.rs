//! The keeper of programs that tests start. It ends them when the test process ends for any reason.

use std::process::ExitCode;

fn main() -> ExitCode {
    // The first argument is `guard`, as for every guard program.
    slipway_emulators::guard::main(std::env::args_os().skip(2))
}
