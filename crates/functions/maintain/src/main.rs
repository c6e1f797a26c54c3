//! The command that finishes deletes, aborts abandoned uploads and reconciles bucket and table. The
//! Lambda function is `slipway-maintain-function`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use lambda_runtime::Error;
use slipway_core::env::Environment;
use slipway_credentials::Found;
use slipway_maintain::{Maintain, command::Command};
use tracing::Level;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match command().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn command() -> Result<bool, Error> {
    let command = Command::from_args();
    // Only the report goes to stdout.
    tracing_subscriber::fmt()
        .with_max_level(Level::WARN)
        .with_writer(io::stderr)
        .without_time()
        .init();
    // Checked before the search for credentials, which takes seconds if there are none.
    let env = Environment::process();
    env.required("S3_BUCKET_NAME")?;
    let found = Found::from_env(&env).await?;
    let keys = found.keys();
    let env = env.overridden(move |variable| found.get(variable));
    let env = slipway_secret::with_database_url(env).await?;
    let maintain = match keys {
        Some(keys) => Maintain::with_keys(&env, keys).await?,
        None => Maintain::from_env(&env).await?,
    };
    Ok(command.run(&maintain).await?)
}
