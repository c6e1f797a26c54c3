//! Counts the round trips of a warm function to Postgres and S3, on the wire: none may be
//! avoidable.
//!
//! The proxies delay responses for a moment, so that everything a function sends without waiting
//! for a response is counted before it.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use slipway_emulators::lambda::{InvocationResult, Lambda};
use slipway_emulators::s3::S3Server;
use slipway_processes::{answer, binary, environment, request, s3_options, signed_by};
use slipway_testkit::{Direction, TcpObserver, TcpProxy, TestDatabase, database, guard};
use tempfile::TempDir;

/// The delay of a response. A function that does not wait for it continues within microseconds.
const HELD: Duration = Duration::from_millis(100);

/// The longest delay while more requests are expected. It is reached only if they never come, and
/// then the test fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// The traffic on all connections to a server.
#[derive(Clone, Default)]
struct Traffic(Arc<Mutex<Messages>>);

#[derive(Default)]
struct Messages {
    /// How often the client sent something after it could have received the server's last message:
    /// each time is a round trip.
    trips: usize,
    server_spoke_last: bool,
    /// The HTTP methods of the requests.
    methods: Vec<String>,
    /// How many requests must arrive before any gets a response.
    at_once: usize,
}

impl Traffic {
    fn watch(&self) -> TcpObserver {
        let traffic = self.clone();
        Arc::new(move |direction, bytes| {
            if direction == Direction::ToServer {
                traffic.note(bytes);
                return Box::pin(async {});
            }
            let traffic = traffic.clone();
            Box::pin(async move {
                tokio::time::sleep(HELD).await;
                let until = Instant::now() + PATIENCE;
                while traffic.expects_more() && Instant::now() < until {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                traffic.messages().server_spoke_last = true;
            })
        })
    }

    fn note(&self, bytes: &[u8]) {
        let mut messages = self.messages();
        let word = bytes.split(|byte| *byte == b' ').next();
        let word = String::from_utf8_lossy(word.unwrap_or_default()).into_owned();
        if ["HEAD", "GET", "PUT", "POST", "DELETE"].contains(&word.as_str()) {
            messages.methods.push(word);
        }
        // The first message counts too.
        if std::mem::take(&mut messages.server_spoke_last) || messages.trips == 0 {
            messages.trips += 1;
        }
    }

    fn expects_more(&self) -> bool {
        let messages = self.messages();
        messages.methods.len() < messages.at_once
    }

    /// Returns and resets round trips and methods. From now on, `at_once` requests arrive together.
    fn take(&self, at_once: usize) -> (usize, Vec<String>) {
        let next = Messages {
            at_once,
            ..Messages::default()
        };
        let mut taken = std::mem::replace(&mut *self.messages(), next);
        taken.methods.sort();
        (taken.trips, taken.methods)
    }

    fn messages(&self) -> MutexGuard<'_, Messages> {
        self.0.lock().expect("no panic with the lock")
    }
}

/// The servers, a proxy in front of each, and files of alice in the bucket.
struct TripCounter {
    postgres: (TcpProxy, Traffic),
    s3: (TcpProxy, Traffic),
    database: TestDatabase,
    server: S3Server,
    _folder: TempDir,
    keys: Vec<String>,
}

impl TripCounter {
    async fn start() -> Self {
        let database = database();
        let folder = TempDir::new().expect("a folder");
        let (server, _) = S3Server::start(s3_options(folder.path()))
            .await
            .expect("the S3 server starts");
        let s3_port = server
            .endpoint()
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        let mut world = Self {
            postgres: counting_proxy(database.server().port()),
            s3: counting_proxy(s3_port.expect("a port")),
            database,
            server,
            _folder: folder,
            keys: Vec::new(),
        };
        world.upload(3).await;
        world
    }

    /// Uploads `count` files through their URLs. `presign` itself sends no requests.
    async fn upload(&mut self, count: usize) {
        let presign = self.function("presign", &[]).await;
        let http = reqwest::Client::new();
        for _ in 0..count {
            let ask = json!({ "fileName": "a.jpg", "contentType": "image/jpeg" });
            let (status, signed) = call(&presign, "POST", "/presign-upload", Some(&ask)).await;
            assert_eq!(status, 200, "{signed}");
            let put = http.put(signed["presignedUrl"].as_str().expect("a URL"));
            let put = put.header("Content-Type", "image/jpeg").body("bytes");
            assert_eq!(put.send().await.expect("an answer").status(), 200);
            self.keys
                .push(signed["objectKey"].as_str().expect("a key").to_owned());
        }
        assert_eq!(self.postgres.0.connections(), 0, "presign asks Postgres");
        assert_eq!(self.s3.1.take(0).1, vec!["PUT"; count], "presign asks S3");
    }

    async fn function(&self, name: &str, settings: &[(&str, &str)]) -> Lambda {
        let s3 = format!("http://127.0.0.1:{}", self.s3.0.port());
        let env = environment(&s3, &self.postgres.0.through(&self.database.url()));
        let mut env = signed_by(name, env);
        let settings = settings.iter();
        env.extend(settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let lambda = Lambda::start(guard(), &binary(name), env).await;
        let lambda = lambda.expect("the function starts");
        lambda.ready().await;
        lambda
    }

    /// Round trips to Postgres, and the requests and round trips to S3, since the last call.
    fn traffic(&self) -> (usize, usize, Vec<String>) {
        let (to_postgres, _) = self.postgres.1.take(0);
        let (to_s3, methods) = self.s3.1.take(0);
        (to_postgres, to_s3, methods)
    }

    /// Records file number `at`.
    async fn save(&self, function: &Lambda, at: usize) {
        let body = json!({ "objectKey": self.keys[at] });
        let (status, saved) = call(function, "POST", "/save-metadata", Some(&body)).await;
        assert_eq!(status, 201, "{saved}");
    }
}

fn counting_proxy(port: u16) -> (TcpProxy, Traffic) {
    let traffic = Traffic::default();
    let proxy = TcpProxy::observed(port, traffic.watch());
    proxy.open();
    (proxy, traffic)
}

async fn call(function: &Lambda, method: &str, path: &str, body: Option<&Value>) -> (u64, Value) {
    let event = request("alice", method, path, body);
    match function.invoke(&event, Duration::from_secs(20)).await {
        InvocationResult::Answered(reply) => answer(&reply),
        other => panic!("{method} {path}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_round_trip_is_needed() {
    let world = TripCounter::start().await;

    // The first save connects to S3. The second is as all later ones.
    let save = world
        .function("save-metadata", &[("DETECT_CONTENT", "false")])
        .await;
    world.save(&save, 0).await;
    world.traffic();
    world.save(&save, 1).await;
    assert_eq!(world.traffic(), (1, 1, vec!["HEAD".to_owned()]), "save");

    let files = world.function("files", &[]).await;
    world.traffic();
    let (status, list) = call(&files, "GET", "/files?limit=100", None).await;
    assert_eq!(
        (status, list["files"].as_array().map(Vec::len)),
        (200, Some(2))
    );
    assert_eq!(world.traffic(), (1, 0, Vec::new()), "list");
    // A search reads ids and names first, and then the files that it has found.
    for (query, found, trips) in [
        ("sort=name", 2, 1),
        ("prefix=a", 2, 1),
        ("delimiter=/", 2, 1),
        ("q=JPG", 2, 2),
        ("q=png", 0, 1),
    ] {
        let (status, list) = call(&files, "GET", &format!("/files?{query}"), None).await;
        let shown = (status, list["files"].as_array().map(Vec::len));
        assert_eq!(shown, (200, Some(found)), "{query}");
        assert_eq!(world.traffic(), (trips, 0, Vec::new()), "{query}");
    }

    let rename = world
        .function("rename", &[("DETECT_CONTENT", "false")])
        .await;
    let id = |at: usize| world.keys[at].split('/').nth(1).expect("an id");
    // The row, a HEAD, and the record step. Between the two, a copy that changes something.
    // S3 reports whole seconds, so a copy within the second of the upload needs one HEAD more.
    let renames = [("a.jpg", 0), ("b.jpg", 1), ("b.jpg", 0), ("c.jpg", 1)];
    for (second, (name, copies)) in (10..).zip(renames) {
        let later = time::OffsetDateTime::now_utc() + Duration::from_secs(second);
        world.server.stop_clock(later);
        world.traffic();
        let body = json!({ "fileName": name });
        let path = format!("/files/{}", id(0));
        let (status, file) = call(&rename, "PATCH", &path, Some(&body)).await;
        assert_eq!(status, 200, "{file}");
        let (to_postgres, to_s3, methods) = world.traffic();
        let mut expected = vec!["HEAD".to_owned(); 2];
        expected.extend(vec!["PUT".to_owned(); copies]);
        let found = (to_postgres, to_s3, methods);
        assert_eq!(found, (2, 2 + copies, expected), "{name}");
    }

    let delete = world.function("delete", &[]).await;
    for (at, warm) in [(0, false), (1, true)] {
        world.traffic();
        let (status, gone) = call(&delete, "DELETE", &format!("/files/{}", id(at)), None).await;
        assert_eq!(status, 200, "{gone}");
        if warm {
            assert_eq!(world.traffic(), (1, 1, vec!["DELETE".to_owned()]), "delete");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_the_first_bytes_adds_no_round_trip() {
    let world = TripCounter::start().await;
    let save = world.function("save-metadata", &[]).await;
    world.save(&save, 0).await;
    // With both connections open, HEAD and the range GET are sent before either gets a response.
    world.traffic();
    world.s3.1.take(2);
    world.save(&save, 1).await;
    let asked = vec!["GET".to_owned(), "HEAD".to_owned()];
    assert_eq!(world.traffic(), (1, 1, asked), "save");
}

/// However many keys there are, Postgres is asked once; twice if some have no object, and a few
/// times more if a quota has no room for all.
#[tokio::test(flavor = "multi_thread")]
async fn many_confirmations_ask_postgres_a_bounded_number_of_times() {
    let mut world = TripCounter::start().await;
    world.upload(37).await;
    let save = async |function: &Lambda, keys: &[String]| {
        let body = json!({ "objectKeys": keys });
        let (status, saved) = call(function, "POST", "/save-metadata", Some(&body)).await;
        assert_eq!(status, 200, "{saved}");
        let results = saved["results"].as_array().expect("results").clone();
        let fitting = results.iter().filter(|result| result["file"].is_object());
        fitting.count()
    };
    let content = ("DETECT_CONTENT", "false");
    let tight = [content, ("USER_QUOTA_BYTES", "23")];
    let limited = world.function("save-metadata", &tight).await;
    world.traffic();
    // Five bytes each: the statement, the usage with the rows, and the statement for those that fit.
    assert_eq!(save(&limited, &world.keys[..10]).await, 4);
    let (trips, _, mut methods) = world.traffic();
    methods.retain(|method| method != "DELETE");
    assert_eq!((trips, methods), (3, vec!["HEAD".to_owned(); 10]));

    let function = world.function("save-metadata", &[content]).await;
    world.traffic();
    for keys in [&world.keys[10..], &world.keys[10..], &world.keys[20..21]] {
        assert_eq!(save(&function, keys).await, keys.len());
        let (trips, _, methods) = world.traffic();
        assert_eq!((trips, methods), (1, vec!["HEAD".to_owned(); keys.len()]));
    }
    let mut keys = world.keys[10..20].to_vec();
    keys.push(keys[0].replacen("/0", "/1", 1));
    assert_eq!(save(&function, &keys).await, 10);
    assert_eq!(world.traffic().0, 2, "one key has no object");
}
