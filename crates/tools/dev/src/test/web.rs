//! The client and the page: their types and style, then everything in a browser against a stack of their own.

use std::io;

use crate::page;
use crate::workspace;

/// Runs what `npm run check` and `npm test` do, with this very program as the stack.
pub(super) fn run() -> io::Result<()> {
    page::build()?;
    page::succeed(page::npm()?.args(["run", "check", "--loglevel=error"]))?;
    page::succeed(
        page::npm()?
            .args(["test", "--loglevel=error"])
            .env("SLIPWAY_DEV", workspace::program()?),
    )
}
