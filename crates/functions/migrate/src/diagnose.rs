//! `migrate --diagnose`: checks the database as the functions see it, for `cargo dev doctor` and
//! for operators.

use std::error::Error;
use std::io::Write;

use serde::Serialize;
use slipway_core::env::Environment;
use slipway_db::diagnosis::State;
use slipway_db::{Config, Db};

/// One finding as a line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    check: &'a str,
    /// `ok`, `fault` or `skipped`.
    state: &'a str,
    fault: Option<&'a str>,
    said: &'a str,
}

/// Prints one line per finding. It uses `DATABASE_URL` as the functions do, including a pooler.
pub(crate) async fn run(
    env: &Environment,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let db = Db::new(Config::from_env(env)?)?;
    for finding in db.diagnose().await {
        let (state, fault) = match finding.state {
            State::Well => ("ok", None),
            State::Fault(fault) => ("fault", Some(fault)),
            State::Unseen => ("skipped", None),
        };
        let line = Line {
            check: finding.check,
            state,
            fault,
            said: &finding.said,
        };
        writeln!(out, "{}", serde_json::to_string(&line)?)?;
    }
    Ok(())
}
