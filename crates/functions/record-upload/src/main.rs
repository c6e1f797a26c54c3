//! Records what S3 events point at.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use slipway_core::env::Env;
use slipway_record_upload::RecordUpload;
use slipway_secret::Fetched;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let process = |name: &str| std::env::var(name).ok();
    let secret = Fetched::from_env(Env::new(&process)).await?;
    let get = |name: &str| secret.get(name).or_else(|| process(name));
    let env = Env::new(&get);
    slipway_log::init(env)?;
    let function = &RecordUpload::from_env(env).await?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<serde_json::Value>| {
        function.handle(event).await
    }))
    .await
}
