//! Maintenance as a Lambda. The command for operators is in `slipway-maintain`, and links more.

use lambda_runtime::Error;
use slipway_maintain::Maintain;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = slipway_secret::environment().await?;
    slipway_log::init(&env)?;
    Maintain::from_env(&env).await?.serve().await
}
