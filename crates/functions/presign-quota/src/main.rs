//! `POST /presign-upload` within a quota.

use lambda_runtime::Error;
use slipway_api::{Identity, serve};
use slipway_presign_quota::PresignQuota;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = slipway_secret::environment().await?;
    slipway_log::init(&env)?;
    serve(
        &PresignQuota::from_env(&env).await?,
        &Identity::from_env(&env)?,
    )
    .await
}
