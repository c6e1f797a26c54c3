//! `cargo dev bucket`: creates the bucket on an S3-compatible server, and configures it as
//! `template.yaml` does on AWS.
//!
//! It is idempotent. Settings that a server does not support are reported and left out.

mod server;
mod sign;
mod xml;

use std::io;

use clap::Args;
use hyper::Method;
use slipway_emulators::s3::CorsRule;

use crate::doctor::s3;
use crate::say;

pub(crate) use server::{BucketState, S3CompatibleServer};

/// The page of the local stack, and Vite's default port.
const LOCAL: [&str; 2] = ["http://localhost:3001", "http://localhost:5173"];

/// The options of `cargo dev bucket`.
#[derive(Debug, Args)]
pub(crate) struct BucketOptions {
    /// The origin of a page that uploads; may be repeated [default: the local pages]
    #[arg(long = "origin", value_name = "URL")]
    origins: Vec<String>,
    /// Replace the CORS configuration of the bucket
    #[arg(long)]
    replace_cors: bool,
}

/// Creates and configures the bucket of `S3_BUCKET_NAME` at `S3_ENDPOINT`. Returns false if pages
/// cannot upload to it.
pub(crate) fn run(options: &BucketOptions) -> io::Result<bool> {
    let server = S3CompatibleServer::from_env()?.ok_or_else(|| {
        io::Error::other(
            "S3_ENDPOINT is not set. At AWS the template makes the bucket, and `cargo dev` brings an S3 server of its own: \
             set S3_ENDPOINT, S3_BUCKET_NAME, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for another server",
        )
    })?;
    let mut origins = options.origins.clone();
    if origins.is_empty() {
        origins = LOCAL.map(str::to_owned).to_vec();
    }
    let rule = CorsRule::of_template(origins)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        make(&server).await?;
        let open = cors(&server, &rule, options.replace_cors).await?;
        block(&server).await?;
        Ok(open)
    })
}

async fn make(server: &S3CompatibleServer) -> io::Result<()> {
    let name = server.bucket();
    match server.state().await? {
        BucketState::Exists => {
            say::part("bucket", &format!("{name} is there"));
            return Ok(());
        }
        BucketState::Missing => {}
        BucketState::Unknown(why) => {
            return Err(io::Error::other(format!(
                "{} does not report whether the bucket {name} exists: {why}",
                server.address()
            )));
        }
    }
    let mut answer = server.request(Method::PUT, "", "").await?;
    // Some servers require the region here, and some refuse it. The first kind responds with one of
    // these codes.
    if s3::code(&answer).contains("LocationConstraint") {
        let body = xml::location(server.region());
        answer = server.request(Method::PUT, "", &body).await?;
    }
    if !answer.status.is_success() {
        return Err(io::Error::other(format!(
            "the bucket {name} was not created: {}",
            s3::fault(&answer).1
        )));
    }
    say::part("bucket", &format!("{name} made"));
    Ok(())
}

/// Sets the CORS rule unless the bucket has one, and checks with preflight requests that it works.
async fn cors(server: &S3CompatibleServer, rule: &CorsRule, replace: bool) -> io::Result<bool> {
    let has = server.request(Method::GET, "cors", "").await?;
    if !has.status.is_success() || replace {
        let answer = server
            .request(Method::PUT, "cors", &xml::cors(rule))
            .await?;
        if !answer.status.is_success() {
            say::part(
                "cors",
                &format!("not supported by API: {}", s3::code(&answer)),
            );
        }
    }
    let mut open = true;
    for origin in &rule.origins {
        let refusal = server.preflight(origin).await?;
        open &= refusal.is_none();
        match refusal {
            None => say::part("cors", &format!("pages of {origin} may upload and read")),
            Some(why) => say::part(
                "cors",
                &format!(
                    "browsers keep pages of {origin} out: {why}. The rule that is needed: methods {}; headers {}; exposed {}. \
                     `--replace-cors` replaces a configuration that is there; some servers have a setting of their own instead",
                    rule.methods.join(", "),
                    rule.headers.join(", "),
                    rule.exposed.join(", ")
                ),
            ),
        }
    }
    Ok(open)
}

/// Blocks public access, as far as the server supports it, and checks that uploads still work: Ceph
/// 16 denies every PUT to a bucket with `BlockPublicAcls`. Then checks that the bucket cannot be
/// listed without a signature.
async fn block(server: &S3CompatibleServer) -> io::Result<()> {
    const BLOCK: &str = "publicAccessBlock";
    let answer = server.request(Method::PUT, BLOCK, xml::PRIVATE).await?;
    let done = if !answer.status.is_success() {
        let code = s3::code(&answer);
        format!("the server does not support blocking it ({code})")
    } else if let Err(why) = server.probe().await? {
        let removed = server.request(Method::DELETE, BLOCK, "").await?;
        if let Err(still) = server.probe().await? {
            let said = format!("an upload is refused: {still}");
            return Err(io::Error::other(said));
        }
        let removed = s3::code(&removed);
        format!(
            "this server refuses uploads while it is blocked ({why}), so the setting was removed \
             again ({removed})"
        )
    } else {
        "blocked".to_owned()
    };
    let listed = server.anonymous().await?;
    let now = if listed.status.is_success() {
        "; ANYONE CAN LIST this bucket: remove the policy or ACL that allows it"
    } else {
        "; listing without a signature is refused"
    };
    say::part("public access", &format!("{done}{now}"));
    Ok(())
}
