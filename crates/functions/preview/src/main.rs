//! Makes previews of the pictures that S3 events name.

use lambda_runtime::Error;
use slipway_preview::MakePreviews;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = slipway_secret::environment().await?;
    slipway_log::init(&env)?;
    MakePreviews::from_env(&env).await?.serve().await
}
