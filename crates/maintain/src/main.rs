//! Finishes deletes, ends abandoned uploads, and makes bucket and table agree: as a Lambda on a schedule, or as a command.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use slipway_core::env::Env;
use slipway_maintain::{Maintain, command::Command};
use slipway_secret::Fetched;
use tracing::Level;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let process = |name: &str| std::env::var(name).ok();
    let secret = match Fetched::from_env(Env::new(&process)).await {
        Ok(secret) => secret,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let get = |name: &str| secret.get(name).or_else(|| process(name));
    let env = Env::new(&get);
    let done = if env.optional("AWS_LAMBDA_RUNTIME_API").is_some() {
        lambda(env).await.map(|()| true)
    } else {
        command(env).await
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn lambda(env: Env<'_>) -> Result<(), Error> {
    slipway_log::init(env)?;
    let maintain = &Maintain::from_env(env).await?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        maintain.handle(event).await
    }))
    .await
}

async fn command(env: Env<'_>) -> Result<bool, Error> {
    let command = Command::parse();
    // The numbers alone go to stdout.
    tracing_subscriber::fmt()
        .with_max_level(Level::WARN)
        .with_writer(io::stderr)
        .without_time()
        .init();
    Ok(command.run(&Maintain::from_env(env).await?).await?)
}
