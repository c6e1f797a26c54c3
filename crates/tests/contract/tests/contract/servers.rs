//! Runs the contract against an S3 server by other authors.
//!
//! `cargo dev test servers` starts such servers and runs this test for each. `docs/servers.md` has
//! the results. To run it for a server and a bucket of your own:
//!
//!     SLIPWAY_SERVER=http://127.0.0.1:9000 AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… \
//!         cargo test --workspace --test contract -- --ignored --nocapture servers::
//!
//! Only an upload must work. The table lists which other features do.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::FutureExt as _;
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};
use slipway_core::env::Environment;
use slipway_maintain::Maintain;

use crate::world::{App, MIB, World};

const NAME: &str = "Übergröße 写真 (1)+%20'.txt";
const BYTES: &[u8] = b"Files that a server elsewhere keeps";

/// The features that work, and those that do not, with the reason.
struct Table(Vec<(&'static str, Result<(), String>)>);

impl Table {
    /// Records whether `check` runs to its end.
    async fn row(&mut self, name: &'static str, check: impl Future<Output = ()>) {
        let done = Box::pin(AssertUnwindSafe(check).catch_unwind()).await;
        let reason = |panic: Box<dyn std::any::Any + Send>| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
            let text = text.unwrap_or_default();
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            match text
                .split_once("left: ")
                .and_then(|(_, both)| both.split_once(" right: "))
            {
                Some((is, wanted)) => format!("{is} in place of {wanted}"),
                None => text,
            }
        };
        self.0.push((name, done.map_err(reason)));
    }

    #[expect(clippy::print_stdout, reason = "the table is the result of this test")]
    fn print(&self) {
        for (name, result) in &self.0 {
            match result {
                Ok(()) => println!("| {name} | yes | |"),
                Err(why) => {
                    let why: String = why.chars().take(160).collect();
                    println!("| {name} | no | {} |", why.replace('|', "/"));
                }
            }
        }
    }
}

async fn put(app: &App, presigned: &Value, header: Option<(&str, &str)>, bytes: &[u8]) -> u16 {
    let url = presigned["presignedUrl"].as_str().expect("a URL");
    let mut request = app.http.put(url).body(bytes.to_vec());
    for (name, value) in presigned["headers"].as_object().expect("headers") {
        let other = header.filter(|(other, _)| name.eq_ignore_ascii_case(other));
        let value = other.map_or_else(|| value.as_str().expect("text"), |(_, value)| value);
        request = request.header(name, value);
    }
    request.send().await.expect("an answer").status().as_u16()
}

/// Some servers respond with 403 for a missing object, as S3 does without the permission to list.
async fn gone(app: &App, url: &Value) {
    let status = app.read(url).await.status().as_u16();
    assert!([403, 404].contains(&status), "{status}");
}

fn ask(more: &Value) -> Value {
    let mut ask = json!({ "fileName": NAME, "contentType": "text/plain" });
    let more = more.as_object().cloned().unwrap_or_default();
    ask.as_object_mut().expect("an object").extend(more);
    ask
}

async fn uploads(table: &mut Table, app: &App) {
    let user = "uploads";
    table
        .row("upload by a signed URL, recorded, read back", async {
            let file = app.upload(user, "a.txt", "text/plain", BYTES).await;
            let read = app.read(&file["url"]).await;
            assert_eq!(read.bytes().await.expect("bytes"), BYTES);
        })
        .await;
    table
        .row(
            "original names (`x-amz-meta-*` in the signed query)",
            async {
                let file = app.upload(user, NAME, "text/plain", BYTES).await;
                assert_eq!(file["fileName"], NAME);
            },
        )
        .await;
    table
        .row("refuses another type than was signed", async {
            let presigned = app.presign(user, ask(&json!({}))).await;
            let status = put(app, &presigned, Some(("content-type", "text/html")), BYTES).await;
            assert_eq!(status, 403);
        })
        .await;
    table
        .row("refuses another length than was signed", async {
            let presigned = app
                .presign(user, ask(&json!({ "size": BYTES.len() + 1 })))
                .await;
            assert_eq!(put(app, &presigned, None, BYTES).await, 403);
        })
        .await;
    let sum = STANDARD.encode(ring::digest::digest(&ring::digest::SHA256, BYTES));
    let checked = json!({ "size": BYTES.len(), "checksumSha256": sum });
    table
        .row(
            "refuses bytes that do not match the signed SHA-256",
            async {
                let presigned = app.presign(user, ask(&checked)).await;
                let other = vec![b'x'; BYTES.len()];
                assert_eq!(put(app, &presigned, None, &other).await, 400);
            },
        )
        .await;
    table
        .row("keeps the SHA-256 and returns it", async {
            let presigned = app.presign(user, ask(&checked)).await;
            assert_eq!(put(app, &presigned, None, BYTES).await, 200);
            let saved = app.save(user, &presigned).await.expect(201);
            assert_eq!(saved["file"]["checksumSha256"], json!(sum));
        })
        .await;
    table
        .row("refuses a URL that was tampered with", async {
            let mut presigned = app.presign(user, ask(&json!({}))).await;
            let url = presigned["presignedUrl"].as_str().expect("a URL");
            presigned["presignedUrl"] = url.replace("x-amz-meta-name=", "x-amz-meta-name=x").into();
            assert_eq!(put(app, &presigned, None, BYTES).await, 403);
        })
        .await;
}

async fn urls(table: &mut Table, world: &World, app: &App, variables: &[(&str, &str)]) {
    let with = |more: (&'static str, &'static str)| {
        let all: Vec<_> = variables.iter().copied().chain([more]).collect();
        world.app(&all)
    };
    table
        .row("refuses a URL that has expired", async {
            let short = with(("UPLOAD_URL_SECONDS", "1"));
            let presigned = short.presign("urls", ask(&json!({}))).await;
            tokio::time::sleep(Duration::from_millis(2500)).await;
            assert_eq!(put(&short, &presigned, None, BYTES).await, 403);
        })
        .await;
    table
        .row("`WRITE_ONCE`: the second PUT is 412", async {
            let once = with(("WRITE_ONCE", "true"));
            let presigned = once.presign("urls", ask(&json!({}))).await;
            assert_eq!(put(&once, &presigned, None, BYTES).await, 200);
            assert_eq!(put(&once, &presigned, None, BYTES).await, 412);
        })
        .await;
    table
        .row("downloads under the original name", async {
            let file = app.upload("urls", NAME, "text/plain", BYTES).await;
            let target = format!(
                "/files/{}?download=true",
                file["id"].as_str().expect("an id")
            );
            let file = app.get("urls", &target).await.expect(200)["file"].clone();
            let read = app.read(&file["url"]).await;
            let name = read.headers()["content-disposition"]
                .to_str()
                .expect("text");
            assert!(name.contains("filename*=UTF-8''%C3%9Cber"), "{name}");
        })
        .await;
    table
        .row("ranges", async {
            let file = app.upload("urls", "a.txt", "text/plain", BYTES).await;
            let url = file["url"].as_str().expect("a URL");
            let read = app
                .http
                .get(url)
                .header("range", "bytes=6-9")
                .send()
                .await
                .expect("an answer");
            assert_eq!(read.status(), 206);
            assert_eq!(read.bytes().await.expect("bytes"), BYTES[6..=9]);
        })
        .await;
    table
        .row("refuses reads without a signature", async {
            let file = app.upload("urls", "a.txt", "text/plain", BYTES).await;
            let url = file["url"]
                .as_str()
                .expect("a URL")
                .split('?')
                .next()
                .expect("a URL");
            let read = app.http.get(url).send().await.expect("an answer");
            assert_eq!(read.status(), 403);
        })
        .await;
}

async fn the_rest(table: &mut Table, world: &World, app: &App) {
    table
        .row("rename (`CopyObject` onto itself)", async {
            let file = app.upload("rename", "a.txt", "text/plain", BYTES).await;
            let id = file["id"].as_str().expect("an id");
            let body = json!({ "fileName": NAME, "metadata": { "a": "ü" } });
            let renamed = app.patch("rename", id, body.clone()).await.expect(200);
            let (renamed, body) = (&renamed["file"], &body);
            for field in ["fileName", "metadata"] {
                assert_eq!(renamed[field], body[field]);
            }
            assert_eq!(renamed["contentType"], "text/plain");
            let read = app.read(&renamed["url"]).await.bytes().await;
            assert_eq!(read.expect("bytes"), BYTES);
        })
        .await;
    table
        .row("delete of one file", async {
            let file = app.upload("delete", "a.txt", "text/plain", BYTES).await;
            app.delete("delete", file["id"].as_str().expect("an id"))
                .await
                .expect(200);
            gone(app, &file["url"]).await;
        })
        .await;
    table
        .row("delete of many (DeleteObjects)", async {
            let mut files = Vec::new();
            for name in ["a.txt", "b.txt"] {
                files.push(app.upload("delete", name, "text/plain", BYTES).await);
            }
            let ids: Vec<_> = files.iter().map(|file| &file["id"]).collect();
            let done = app
                .post("delete", "/files/delete", json!({ "ids": ids }))
                .await
                .expect(200);
            assert_eq!(done["missing"], json!([]));
            for file in &files {
                gone(app, &file["url"]).await;
            }
        })
        .await;
    table
        .row("uploads in parts", async {
            let bytes: Vec<u8> = (0..=250).cycle().take(5 * MIB + 7).collect();
            let begun = app.begin("parts", bytes.len()).await;
            app.put_parts("parts", &begun, &bytes, &[2, 1]).await;
            let there = app.about("parts", "GET", &begun, "").await.expect(200);
            assert_eq!(there["parts"].as_array().map(Vec::len), Some(2), "{there}");
            let file = app.complete("parts", &begun).await.expect(201)["file"].clone();
            let read = app.read(&file["url"]).await.bytes().await.expect("bytes");
            assert!(read == bytes, "{} bytes came back", read.len());
        })
        .await;
    table
        .row(
            "uploads in parts: refuses another length than was signed",
            async {
                let begun = app.begin("parts", MIB).await;
                let part = &app.sign("parts", &begun, &[1]).await[0];
                let put = crate::world::put_part(part, b"short").await;
                assert_eq!(put.status(), 403);
            },
        )
        .await;
    table
        .row("uploads in parts are aborted", async {
            let begun = app.begin("parts", MIB).await;
            app.put_parts("parts", &begun, &vec![b'x'; MIB], &[1]).await;
            app.abort("parts", &begun).await.expect(200);
            assert!(app.open_uploads("parts").await.is_empty());
        })
        .await;
    table
        .row("reconcile (ListObjectsV2)", async {
            let presigned = app.put_new("reconcile", NAME, "text/plain", BYTES).await;
            let env: Environment = app.variables("maintain-function").into_iter().collect();
            let maintain = Maintain::from_env(&env).await.expect("maintain");
            let context = lambda_runtime::Context::default();
            let event = LambdaEvent::new(json!({ "task": "reconcile" }), context);
            let report = Box::pin(maintain.handle(event)).await.expect("a report");
            let id = presigned["id"].as_str().expect("an id");
            assert!(world.row(id).await.is_some(), "{report}");
        })
        .await;
}

async fn cors(table: &mut Table, app: &App) {
    table
        .row(
            "CORS by the template's rule (after `cargo dev bucket`)",
            async {
                let presigned = app.presign("cors", ask(&json!({}))).await;
                let url = presigned["presignedUrl"].as_str().expect("a URL");
                let origin = "http://localhost:3001";
                let preflight = app
                    .http
                    .request(reqwest::Method::OPTIONS, url)
                    .header("origin", origin);
                let preflight = preflight
                    .header("access-control-request-method", "PUT")
                    .header(
                        "access-control-request-headers",
                        "content-type,if-none-match",
                    );
                let answer = preflight.send().await.expect("an answer");
                assert!(answer.status().is_success(), "{}", answer.status());
                let allowed = answer.headers()["access-control-allow-origin"]
                    .to_str()
                    .expect("text");
                assert!(["*", origin].contains(&allowed), "{allowed}");
            },
        )
        .await;
}

#[tokio::test]
#[ignore = "`cargo dev test servers` starts the servers"]
async fn features_of_another_s3_server() {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let needed = |name: &str| set(name).unwrap_or_else(|| panic!("{name} is not set"));
    let (endpoint, id, secret) = (
        needed("SLIPWAY_SERVER"),
        needed("AWS_ACCESS_KEY_ID"),
        needed("AWS_SECRET_ACCESS_KEY"),
    );
    let bucket = set("S3_BUCKET_NAME").unwrap_or_else(|| "slipway-test".to_owned());
    let region = set("AWS_REGION").unwrap_or_else(|| "us-east-1".to_owned());
    let variables = [
        ("S3_ENDPOINT", endpoint.as_str()),
        ("S3_BUCKET_NAME", &bucket),
        ("AWS_REGION", &region),
        ("AWS_ACCESS_KEY_ID", &id),
        ("AWS_SECRET_ACCESS_KEY", &secret),
    ];
    let world = World::new().await;
    let app = world.app(&variables);
    let mut table = Table(Vec::new());
    uploads(&mut table, &app).await;
    urls(&mut table, &world, &app, &variables).await;
    the_rest(&mut table, &world, &app).await;
    cors(&mut table, &app).await;
    table.print();
    let (name, uploaded) = &table.0[0];
    assert!(uploaded.is_ok(), "{name}: {uploaded:?}");
}
