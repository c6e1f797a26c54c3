//! Records the objects that S3 events name.

use lambda_runtime::Error;
use slipway_record_upload::RecordUpload;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let env = slipway_secret::environment().await?;
    slipway_log::init(&env)?;
    RecordUpload::from_env(&env).await?.serve().await
}
