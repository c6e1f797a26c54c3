//! Hundreds of concurrent uploads by several users through the whole stack. At the end rows,
//! objects and usage agree.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use slipway_emulators::lambda::{InvocationResult, Lambda};
use slipway_testkit::guard;
use tokio::sync::OnceCell;

use crate::harness::{EXE, Stack, free_port, program};

const UPLOADS: usize = 400;
const AT_ONCE: usize = 16;
const USERS: [&str; 4] = ["alice", "bob", "carol", "dave"];
/// The time for events to arrive. It is long, since it only passes if an event is lost.
const PATIENCE: Duration = Duration::from_mins(5);

/// The expected end of an upload.
struct Left {
    user: usize,
    key: String,
    id: String,
    /// `None` if it was deleted.
    bytes: Option<Vec<u8>>,
}

struct Load {
    http: Client,
    recorder: Recorder,
    api: String,
    tokens: Vec<String>,
    objects: PathBuf,
}

#[test]
fn hundreds_of_concurrent_uploads_end_consistently() {
    let folder = tempfile::tempdir().expect("a folder");
    let stack = Stack::start(folder.path(), free_port());
    let load = Arc::new(Load {
        http: Client::new(),
        recorder: Recorder::of(&stack, folder.path()),
        api: format!("http://127.0.0.1:{}", stack.port),
        tokens: USERS.map(|user| token(folder.path(), user)).into(),
        objects: folder.path().join("s3/objects"),
    });
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(load.run());
    stack.kill();
}

/// Another `record-upload` next to the stack's own, which tests cannot call. This one gets any
/// event.
struct Recorder {
    binary: PathBuf,
    env: Vec<(String, String)>,
    lambda: OnceCell<Lambda>,
}

impl Recorder {
    /// The same program, for the same bucket and table.
    fn of(stack: &Stack, state: &Path) -> Self {
        let pid = stack.processes("record-upload");
        let pid = pid.first().expect("record-upload was running");
        let read = |name| std::fs::read(state.join(name)).expect("a file of the state");
        let json = |name| serde_json::from_slice::<Value>(&read(name)).expect("JSON");
        let (running, chosen) = (json("running.json"), json("chosen.json"));
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        let env = [
            ("AWS_REGION", "us-east-1".to_owned()),
            ("S3_BUCKET_NAME", "slipway-local".to_owned()),
            (
                "S3_ENDPOINT",
                format!("http://127.0.0.1:{}", chosen["s3_port"]),
            ),
            ("AWS_ACCESS_KEY_ID", text(&chosen["access_key"])),
            ("AWS_SECRET_ACCESS_KEY", text(&chosen["secret_key"])),
            ("DATABASE_URL", text(&running["DatabaseUrl"])),
        ];
        Self {
            binary: program(*pid).expect("its program"),
            env: env.map(|(name, value)| (name.to_owned(), value)).into(),
            lambda: OnceCell::new(),
        }
    }

    async fn lambda(&self) -> &Lambda {
        let start = async || {
            let started = Lambda::start(guard(), &self.binary, self.env.clone()).await;
            started.expect("record-upload starts")
        };
        self.lambda.get_or_init(start).await
    }
}

fn token(state: &Path, user: &str) -> String {
    let output = Command::new(EXE)
        .args(["token", user, "--state"])
        .arg(state)
        .output();
    let output = output.expect("it starts");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

impl Load {
    async fn run(self: Arc<Self>) {
        let began = Instant::now();
        let uploads = stream::iter(0..UPLOADS).map(|at| {
            let load = Arc::clone(&self);
            async move { load.upload(at).await }
        });
        let left: Vec<Left> = uploads.buffer_unordered(AT_ONCE).collect().await;
        let uploaded = began.elapsed();
        // S3 sends one event for each change. Here each is delivered again, in another order.
        let mut again: Vec<&Left> = left.iter().collect();
        again.sort_by_key(|left| left.id.chars().rev().collect::<String>());
        let told = stream::iter(again).map(|left| self.tell(&left.key));
        told.buffer_unordered(4).collect::<Vec<()>>().await;
        while let Err(problem) = self.agrees(&left).await {
            assert!(began.elapsed() < PATIENCE, "{problem}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        // An event that is delivered again changes nothing.
        for left in left.iter().step_by(10) {
            self.tell(&left.key).await;
        }
        self.agrees(&left).await.expect("it agreed before");
        self.reads(&left).await;
        let seconds = uploaded.as_secs_f64();
        // Printed past the captured output, for information only.
        let _ = writeln!(
            io::stderr(),
            "load           {UPLOADS} uploads in {seconds:.1} s, all recorded after {:.1} s",
            began.elapsed().as_secs_f64()
        );
    }

    /// One upload and what its owner does with it. Every second one is never confirmed, and its
    /// event records it.
    async fn upload(&self, at: usize) -> Left {
        let user = at % USERS.len();
        let ask = json!({ "fileName": format!("{at}.txt"), "contentType": "text/plain" });
        let presigned = self
            .call(user, Method::POST, "/presign-upload", Some(ask), 200)
            .await;
        let text = |name: &str| presigned[name].as_str().expect("text").to_owned();
        let (id, key, url) = (text("id"), text("objectKey"), text("presignedUrl"));
        let mut bytes = Some(format!("upload {at}").into_bytes());
        self.put(&url, bytes.clone()).await;
        if at.is_multiple_of(3) {
            // The event arrives early, late, or both.
            self.tell(&key).await;
        }
        if at.is_multiple_of(5) {
            bytes = Some(format!("upload {at}, and again, longer").into_bytes());
            self.put(&url, bytes.clone()).await;
        }
        let confirmed = (at / USERS.len()).is_multiple_of(2);
        if confirmed {
            let confirm = json!({ "objectKey": key });
            let saved = self
                .call(user, Method::POST, "/save-metadata", Some(confirm), 201)
                .await;
            assert_eq!(saved["file"]["id"], id);
        }
        if confirmed && at.is_multiple_of(7) {
            self.call(user, Method::DELETE, &format!("/files/{id}"), None, 200)
                .await;
            // Through a URL that is still valid: the file must not come back.
            self.put(&url, bytes.take()).await;
        }
        Left {
            user,
            key,
            id,
            bytes,
        }
    }

    async fn put(&self, url: &str, bytes: Option<Vec<u8>>) {
        let put = self.http.put(url).header("content-type", "text/plain");
        let answer = put
            .body(bytes.expect("bytes"))
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 200);
    }

    /// Calls the API. The response must have `status`; 200 is accepted for 201, since an event may
    /// have been first.
    async fn call(
        &self,
        user: usize,
        method: Method,
        path: &str,
        body: Option<Value>,
        status: u16,
    ) -> Value {
        let request = self.http.request(method, format!("{}{path}", self.api));
        let request = request.bearer_auth(&self.tokens[user]);
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_string()),
            None => request,
        };
        let answer = request.send().await.expect("an answer");
        let found = answer.status().as_u16();
        let text = answer.text().await.expect("text");
        assert!(
            found == status || (status, found) == (201, 200),
            "{path}: {found} {text}"
        );
        serde_json::from_str(&text).expect("JSON")
    }

    /// Sends `record-upload` an event about a key, as S3 does.
    async fn tell(&self, key: &str) {
        let event = json!({ "Records": [{
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
            "eventTime": "2023-06-30T03:34:24.518Z", "eventName": "ObjectCreated:Put",
            "s3": { "bucket": { "name": "slipway-local" }, "object": { "key": key, "size": 1, "eTag": "?" } },
        }] });
        let lambda = self.recorder.lambda().await;
        let told = lambda.invoke_for(&event, Duration::from_mins(1), PATIENCE);
        let outcome = told.await;
        assert!(
            matches!(outcome, InvocationResult::Answered(_)),
            "{outcome:?}"
        );
    }

    /// Whether rows, objects and usage are as expected, for each user.
    async fn agrees(&self, left: &[Left]) -> Result<(), String> {
        for (user, name) in USERS.iter().enumerate() {
            let own = left.iter().filter(|left| left.user == user);
            let expected: BTreeMap<_, _> = own
                .filter_map(|left| Some((left.id.clone(), left.bytes.as_ref()?.len())))
                .collect();
            let list = self
                .call(user, Method::GET, "/files?limit=1000", None, 200)
                .await;
            let shown = list["files"].as_array().expect("files").iter();
            let shown: BTreeMap<_, _> = shown
                .map(|file| {
                    (
                        file["id"].as_str().expect("an id").to_owned(),
                        size(&file["size"]),
                    )
                })
                .collect();
            same(name, &shown, &expected)?;
            let usage = self.call(user, Method::GET, "/usage", None, 200).await;
            let sum = (expected.len(), expected.values().sum());
            same(name, &(size(&usage["files"]), size(&usage["bytes"])), &sum)?;
        }
        let live = left.iter().filter(|left| left.bytes.is_some()).count();
        same("objects", &files_under(&self.objects), &live)
    }

    /// Every read URL returns the bytes of the last upload.
    async fn reads(&self, left: &[Left]) {
        for user in 0..USERS.len() {
            let list = self
                .call(user, Method::GET, "/files?limit=1000", None, 200)
                .await;
            for file in list["files"].as_array().expect("files") {
                let put = left
                    .iter()
                    .find(|left| left.id == file["id"])
                    .expect("an upload");
                let read = self
                    .http
                    .get(file["url"].as_str().expect("a URL"))
                    .send()
                    .await;
                let bytes = read.expect("an answer").bytes().await.expect("bytes");
                assert_eq!(Some(bytes.to_vec()), put.bytes);
            }
        }
    }
}

fn size(value: &Value) -> usize {
    value
        .as_u64()
        .and_then(|size| size.try_into().ok())
        .expect("a size")
}

fn same<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: {found:?}, and not {expected:?}"))
    }
}

/// The S3 server stores each object in one file.
fn files_under(folder: &Path) -> usize {
    let shards = std::fs::read_dir(folder).expect("objects").flatten();
    let files = shards.flat_map(|shard| std::fs::read_dir(shard.path()).expect("a shard"));
    files.flatten().count()
}
