//! `cargo dev`: the local stack, and the commands around it.
use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).peekable();
    if args.next_if_eq(&OsString::from("guard")).is_some() {
        return slipway_local::guard::main(args);
    }
    ExitCode::SUCCESS
}
