//! Applies the migrations: as a command, or as a Lambda whose every invocation applies what is missing.

use std::io::{self, Write};
use std::process::ExitCode;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use slipway_core::env::Env;
use slipway_migrate::{Command, Migrate};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let get = |name: &str| std::env::var(name).ok();
    let env = Env::new(&get);
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
    let migrate = &Migrate::from_env(env)?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        migrate.handle(event).await
    }))
    .await
}

async fn command(env: Env<'_>) -> Result<(), Error> {
    let command = Command::parse(std::env::args_os().skip(1))?;
    command.run(env, &mut io::stdout()).await
}
