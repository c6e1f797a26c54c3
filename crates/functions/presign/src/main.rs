//! `POST /presign-upload`.

use lambda_runtime::Error;
use slipway_api::{Identity, serve};
use slipway_core::env::Environment;
use slipway_presign::Presign;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = Environment::process();
    slipway_log::init(&env)?;
    serve(&Presign::from_env(&env)?, &Identity::from_env(&env)?).await
}
