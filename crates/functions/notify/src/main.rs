//! Delivers events to the webhook. By hand, `notify replay` makes old events due again.

use std::io::{self, Write as _};

use lambda_runtime::Error;
use slipway_core::env::Environment;
use slipway_notify::{Notify, Replay};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.is_empty() {
        let env = slipway_secret::environment().await?;
        slipway_log::init(&env)?;
        return Notify::from_env(&env).await?.serve().await;
    }
    let replay = Replay::parse(&arguments)?;
    let env = slipway_secret::with_database_url(Environment::process()).await?;
    let said = replay.run(&env).await?;
    writeln!(io::stdout(), "{said}")?;
    Ok(())
}
