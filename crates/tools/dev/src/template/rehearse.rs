//! Runs `cargo dev page` as a deployer does, with the AWS CLI, against our S3 server and an
//! emulator of CloudFront.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;

use hyper::Method;
use serde_json::{Value, json};
use slipway_emulators::s3::{Policy, S3Options, S3Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::doctor::http::Http;
use crate::say;
use crate::workspace;

const BUCKET: &str = "the-page";
const REGION: &str = "eu-central-1";

/// Writes the page into a folder, and publishes it with `aws`. S3 must then serve the same files
/// with the headers of the plan.
pub(super) fn publish(aws: &Command, folder: &Path) -> io::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let options = S3Options {
            root: folder.join("s3"),
            bucket: BUCKET.to_owned(),
            region: REGION.to_owned(),
            access_key: "AKIDPAGE".to_owned(),
            secret_key: "secret".to_owned(),
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
        };
        let policy = Policy {
            public_read: true,
            ..Policy::default()
        };
        let (s3, _events) = S3Server::start_with(options, policy).await?;
        let cloudfront = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let forgets = format!("http://{}", cloudfront.local_addr()?);
        let asked = tokio::spawn(forget(cloudfront));

        let outputs = folder.join("outputs.json");
        let known = json!({
            "ApiUrl": "https://api.example.com", "BucketUrl": "https://files.example.com", "Region": REGION,
            "PageUrl": "https://d1.cloudfront.net", "PageBucketName": BUCKET, "PageDistributionId": "E1PAGE",
            "JwtIssuer": "https://id.example.com/",
        });
        fs::write(&outputs, known.to_string())?;
        let into = folder.join("page");
        let plan = run(page(&outputs)?.arg("--into").arg(&into)).await?;
        let mut publish = page(&outputs)?;
        publish.env("PATH", path(aws)?);
        for (name, value) in aws.get_envs() {
            publish.env(name, value.unwrap_or_default());
        }
        publish
            .env("AWS_ENDPOINT_URL_S3", s3.endpoint())
            .env("AWS_ENDPOINT_URL_CLOUDFRONT", &forgets)
            .env("AWS_ACCESS_KEY_ID", "AKIDPAGE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_CONFIG_FILE", "/dev/null")
            .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
            .env_remove("AWS_SESSION_TOKEN")
            .env_remove("AWS_PROFILE");
        run(&mut publish).await?;
        compare(&plan, &into, &s3.endpoint()).await?;
        let asked = asked.await.map_err(io::Error::other)??;
        if !asked.starts_with("POST /2020-05-31/distribution/E1PAGE/invalidation ")
            || !asked.contains("<Path>/*</Path>")
        {
            return Err(wrong(&format!("CloudFront received {asked}")));
        }
        s3.shutdown().await;
        Ok(())
    })
}

/// This program as a deployer calls it.
fn page(outputs: &Path) -> io::Result<Command> {
    let mut command = Command::new(workspace::program()?);
    command.args(["page", "--client-id", "page", "--outputs"]);
    command.arg(outputs).current_dir(workspace::root());
    Ok(command)
}

/// `PATH` with the installed `aws` first.
fn path(aws: &Command) -> io::Result<std::ffi::OsString> {
    let folder = Path::new(aws.get_program()).parent().map(Path::to_owned);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(folder.into_iter().chain(std::env::split_paths(&path)));
    path.map_err(io::Error::other)
}

async fn run(command: &mut Command) -> io::Result<String> {
    let output = tokio::process::Command::from(std::mem::replace(command, Command::new("")))
        .stderr(std::process::Stdio::inherit())
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    Err(wrong(&format!("cargo dev page: {} {said}", output.status)))
}

/// Every file of the plan, as S3 serves it to the public.
async fn compare(plan: &str, into: &Path, endpoint: &str) -> io::Result<()> {
    // It may print that it has built the page before.
    let json = plan.find("[\n").and_then(|at| plan.get(at..));
    let plan: Vec<Value> = serde_json::from_str(json.unwrap_or_default())?;
    let http = Http::new()?;
    for item in &plan {
        let text = |name: &str| item[name].as_str().unwrap_or_default();
        let url = format!("{endpoint}/{BUCKET}/{}", text("key"));
        let answer = http.send(Method::GET, &url, &[], "").await;
        let answer = answer.map_err(io::Error::other)?;
        let same = answer.status.is_success()
            && answer.body == fs::read(into.join(text("key")))?
            && answer.header("content-type") == Some(text("contentType"))
            && answer.header("cache-control") == Some(text("cacheControl"));
        if !same {
            return Err(wrong(&format!("{item} became {:?}", answer.headers)));
        }
    }
    let last = plan.last().map(|item| &item["key"]);
    if plan.len() < 5 || last != Some(&json!("index.html")) {
        return Err(wrong(&format!("the plan is {plan:?}")));
    }
    say::part("template", &format!("{} files published", plan.len()));
    Ok(())
}

/// Responds to one invalidation as CloudFront does, and returns the request.
async fn forget(listener: TcpListener) -> io::Result<String> {
    let (mut stream, _) = listener.accept().await?;
    let mut asked = Vec::new();
    while !asked.ends_with(b"</InvalidationBatch>") {
        if stream.read_buf(&mut asked).await? == 0 {
            break;
        }
    }
    let body = "<Invalidation xmlns=\"http://cloudfront.amazonaws.com/doc/2020-05-31/\"><Id>I1</Id><Status>InProgress</Status></Invalidation>";
    let answer = format!(
        "HTTP/1.1 201 Created\r\nContent-Type: text/xml\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    Ok(String::from_utf8_lossy(&asked).into_owned())
}

fn wrong(what: &str) -> io::Error {
    io::Error::other(what.to_owned())
}
