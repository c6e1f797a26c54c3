//! The command that finishes deletes, aborts abandoned uploads, and makes bucket and table agree. The Lambda function is
//! `slipway-maintain-function`.

use std::io::{self, Write as _};
use std::process::ExitCode;

use lambda_runtime::Error;
use slipway_core::env::Env;
use slipway_credentials::Found;
use slipway_maintain::{Maintain, command::Command};
use slipway_secret::Fetched;
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

fn process(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

async fn command() -> Result<bool, Error> {
    let command = Command::from_args();
    // The numbers alone go to stdout.
    tracing_subscriber::fmt()
        .with_max_level(Level::WARN)
        .with_writer(io::stderr)
        .without_time()
        .init();
    // Before a search for credentials, which may take seconds where there are none.
    let env = Env::new(&process);
    env.required("S3_BUCKET_NAME")?;
    let found = Found::from_env(env).await?;
    let get = |name: &str| found.get(name).or_else(|| process(name));
    let secret = Fetched::from_env(Env::new(&get)).await?;
    let get = |name: &str| secret.get(name).or_else(|| get(name));
    let env = Env::new(&get);
    let maintain = match found.keys() {
        Some(keys) => Maintain::with_keys(env, keys).await?,
        None => Maintain::from_env(env).await?,
    };
    Ok(command.run(&maintain).await?)
}
