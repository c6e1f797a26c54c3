//! `PATCH /files/{id}`.

use lambda_runtime::Error;
use slipway_api::{Identity, serve};
use slipway_rename::Rename;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = slipway_secret::environment().await?;
    slipway_log::init(&env)?;
    serve(&Rename::from_env(&env).await?, &Identity::from_env(&env)?).await
}
