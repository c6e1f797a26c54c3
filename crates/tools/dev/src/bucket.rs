//! `cargo dev bucket`: makes the bucket on an S3-compatible server, and prepares it as
//! `template.yaml` does at AWS.
//!
//! Running it again changes nothing. What a server does not support is reported and left out.

mod server;
mod sign;
mod xml;

use std::io;

use clap::Args;
use hyper::Method;
use slipway_emulators::s3::CorsRule;

use crate::doctor::s3;
use crate::say;

pub(crate) use server::{Found, Server};

/// The page of the local stack, and the port that page builders such as Vite use.
const LOCAL: [&str; 2] = ["http://localhost:3001", "http://localhost:5173"];

/// How the bucket is prepared.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The origin of a page that uploads; may be given again (else the local pages)
    #[arg(long = "origin", value_name = "URL")]
    origins: Vec<String>,
    /// Replace the CORS configuration that the bucket has
    #[arg(long)]
    replace_cors: bool,
}

/// Makes and prepares the bucket of `S3_BUCKET_NAME` at `S3_ENDPOINT`; false if pages cannot upload
/// to it.
pub(crate) fn run(options: &Options) -> io::Result<bool> {
    let server = Server::from_env()?.ok_or_else(|| {
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

async fn make(server: &Server) -> io::Result<()> {
    let name = server.bucket();
    match server.find().await? {
        Found::There => {
            say::part("bucket", &format!("{name} is there"));
            return Ok(());
        }
        Found::Missing => {}
        Found::Unclear(why) => {
            return Err(io::Error::other(format!(
                "{} does not say whether the bucket {name} exists: {why}",
                server.address()
            )));
        }
    }
    let mut answer = server.ask(Method::PUT, "", "").await?;
    // Some want the region here, some refuse it: those that want it say so by one of these codes.
    if s3::code(&answer).contains("LocationConstraint") {
        let body = xml::location(server.region());
        answer = server.ask(Method::PUT, "", &body).await?;
    }
    if !answer.status.is_success() {
        return Err(io::Error::other(format!(
            "the bucket {name} was not made: {}",
            s3::fault(&answer).1
        )));
    }
    say::part("bucket", &format!("{name} made"));
    Ok(())
}

/// Gives the bucket the rule, unless it has one of its own, and checks by preflights that it holds.
async fn cors(server: &Server, rule: &CorsRule, replace: bool) -> io::Result<bool> {
    let has = server.ask(Method::GET, "cors", "").await?;
    if !has.status.is_success() || replace {
        let answer = server.ask(Method::PUT, "cors", &xml::cors(rule)).await?;
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

/// Blocks public access, as far as the server has it, and checks that an upload still works: Ceph
/// 16 denies every PUT to a bucket with `BlockPublicAcls`. Then checks that the public cannot list the bucket
/// without a signature.
async fn block(server: &Server) -> io::Result<()> {
    const BLOCK: &str = "publicAccessBlock";
    let answer = server.ask(Method::PUT, BLOCK, xml::PRIVATE).await?;
    let done = if !answer.status.is_success() {
        let code = s3::code(&answer);
        format!("the server has no setting that blocks it ({code})")
    } else if let Err(why) = server.probe().await? {
        let removed = server.ask(Method::DELETE, BLOCK, "").await?;
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
        "; ANYBODY LISTS this bucket now: remove the policy or ACL that allows it"
    } else {
        "; without a signature the list is refused"
    };
    say::part("public access", &format!("{done}{now}"));
    Ok(())
}
