//! Maintenance as a Lambda. The command that people run is in `slipway-maintain`, and links more.

use lambda_runtime::Error;
use slipway_core::env::Env;
use slipway_maintain::Maintain;
use slipway_secret::Fetched;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let process = |name: &str| std::env::var(name).ok();
    let secret = Fetched::from_env(Env::new(&process)).await?;
    let get = |name: &str| secret.get(name).or_else(|| process(name));
    let env = Env::new(&get);
    slipway_log::init(env)?;
    Maintain::from_env(env).await?.serve().await
}
