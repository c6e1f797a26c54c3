//! Applies the migrations: as a command, or as a Lambda that applies missing ones on every
//! invocation.

use std::io::{self, Write};
use std::process::ExitCode;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use slipway_core::env::{ConfigError, Environment};
use slipway_migrate::{Command, CustomResource, Migrate};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let env = Environment::process();
    let done = if env.optional("AWS_LAMBDA_RUNTIME_API").is_some() {
        lambda(&env).await
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

async fn lambda(env: &Environment) -> Result<(), Error> {
    slipway_log::init(env)?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        // Configured at each invocation: a repeated deployment must not receive an old error. It is
        // configured here and not at init, so that the custom resource can respond with the error.
        let migrate = migrate(env.clone()).await;
        let migrate = migrate.as_ref();
        match CustomResource::parse(&event.payload) {
            Some(request) => request.handle(migrate, &event.context).await,
            None => Ok(json!(migrate.map_err(Clone::clone)?.handle(event).await?)),
        }
    }))
    .await
}

async fn migrate(env: Environment) -> Result<Migrate, ConfigError> {
    Migrate::from_env(&slipway_secret::with_database_url(env).await?)
}

async fn command(env: Environment) -> Result<(), Error> {
    let command = Command::parse(std::env::args_os().skip(1))?;
    let env = slipway_secret::with_database_url(env).await?;
    command.run(&env, &mut io::stdout()).await
}
