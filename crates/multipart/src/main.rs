//! `/multipart-uploads`.

use lambda_http::Error;
use slipway_api::{Identity, serve};
use slipway_core::env::Env;
use slipway_multipart::Multipart;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let get = |name: &str| std::env::var(name).ok();
    let env = Env::new(&get);
    slipway_log::init(env)?;
    serve(&Multipart::from_env(env).await?, &Identity::from_env(env)?).await
}
