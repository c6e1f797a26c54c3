//! The client and the page: types and style, then tests in a browser against a stack of their own.

use std::io;

use crate::page;
use crate::workspace;

/// Runs `npm run check` and `npm test` with this program as the stack.
pub(super) fn run() -> io::Result<()> {
    page::build()?;
    workspace::succeed(page::npm()?.args(["run", "check", "--loglevel=error"]))?;
    workspace::succeed(
        page::npm()?
            .args(["test", "--loglevel=error"])
            .env("SLIPWAY_DEV", workspace::program()?),
    )
}
