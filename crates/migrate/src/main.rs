//! Applies the migrations: as a command, or as a Lambda whose every invocation applies what is missing.

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
    let fetched = Fetched::from_env(Env::new(&process)).await;
    let secret = fetched.as_ref().ok();
    let get = |name: &str| {
        secret
            .and_then(|secret| secret.get(name))
            .or_else(|| process(name))
    };
    let env = Env::new(&get);
    let migrate = fetched
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|_| Migrate::from_env(env));
    let done = if env.optional("AWS_LAMBDA_RUNTIME_API").is_some() {
        lambda(env, &migrate).await
    } else if let Err(error) = &fetched {
        Err(error.clone().into())
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

/// `migrate` may be none: that is told in each answer, since a deployment must hear why.
async fn lambda(env: Env<'_>, migrate: &Result<Migrate, ConfigError>) -> Result<(), Error> {
    slipway_log::init(env)?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let migrate = migrate.as_ref();
        match CustomResource::parse(&event.payload) {
            Some(request) => request.handle(migrate, &event.context).await,
            None => Ok(json!(migrate.map_err(Clone::clone)?.handle(event).await?)),
        }
    }))
    .await
}

async fn command(env: Env<'_>) -> Result<(), Error> {
    let command = Command::parse(std::env::args_os().skip(1))?;
    command.run(env, &mut io::stdout()).await
}
