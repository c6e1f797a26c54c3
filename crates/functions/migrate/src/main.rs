//! Applies the migrations: as a command, or as a Lambda that applies missing ones on every invocation.

use std::io::{self, Write};
use std::process::ExitCode;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use slipway_core::env::{ConfigError, Env};
use slipway_migrate::{Command, CustomResource, Migrate};
use slipway_secret::Fetched;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let process = |name: &str| std::env::var(name).ok();
    let env = Env::new(&process);
    let done = if env.optional("AWS_LAMBDA_RUNTIME_API").is_some() {
        lambda(env).await
    } else {
        command(env).await
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn lambda(env: Env<'_>) -> Result<(), Error> {
    slipway_log::init(env)?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        // Anew each time: a deployment that is tried again must not hear what failed before. And as an answer, not
        // at the start: a deployment must hear why.
        let migrate = migrate(env).await;
        let migrate = migrate.as_ref();
        match CustomResource::parse(&event.payload) {
            Some(request) => request.handle(migrate, &event.context).await,
            None => Ok(json!(migrate.map_err(Clone::clone)?.handle(event).await?)),
        }
    }))
    .await
}

async fn migrate(env: Env<'_>) -> Result<Migrate, ConfigError> {
    let secret = Fetched::from_env(env).await?;
    let get = |name: &str| secret.get(name).or_else(|| std::env::var(name).ok());
    Migrate::from_env(Env::new(&get))
}

async fn command(env: Env<'_>) -> Result<(), Error> {
    let command = Command::parse(std::env::args_os().skip(1))?;
    let secret = Fetched::from_env(env).await?;
    let get = |name: &str| secret.get(name).or_else(|| std::env::var(name).ok());
    command.run(Env::new(&get), &mut io::stdout()).await
}
