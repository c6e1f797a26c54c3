//! `/multipart-uploads`.

use lambda_runtime::Error;
use slipway_api::{Identity, serve};
use slipway_core::env::Env;
use slipway_multipart::Multipart;
use slipway_secret::Fetched;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let process = |name: &str| std::env::var(name).ok();
    let secret = Fetched::from_env(Env::new(&process)).await?;
    let get = |name: &str| secret.get(name).or_else(|| process(name));
    let env = Env::new(&get);
    slipway_log::init(env)?;
    serve(&Multipart::from_env(env).await?, &Identity::from_env(env)?).await
}
