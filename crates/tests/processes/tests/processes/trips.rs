//! No round trip that could be avoided: what a warm function says to Postgres and S3, counted on the wire.
//!
//! Answers are held back for a moment, so that whatever a function says without waiting for them is said before.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use slipway_emulators::lambda::{Lambda, Outcome};
use slipway_emulators::s3::{S3Options, S3Server};
use slipway_processes::{BUCKET, answer, binary, environment, request};
use slipway_testkit::{Direction, Proxy, TestDatabase, Watch, database, guard};
use tempfile::TempDir;

/// How long an answer is held. A function that does not wait for it needs microseconds.
const HELD: Duration = Duration::from_millis(100);

/// How long it is held where more is to be said first: so long only where that is never said, and the test fails.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was said on all connections to a server.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Talk>>);

#[derive(Default)]
struct Talk {
    /// How often the client said something after it could hear the server's last word: what it then waits for is a
    /// round trip.
    trips: usize,
    server_spoke_last: bool,
    /// The HTTP methods among it.
    methods: Vec<String>,
    /// How many of those come before any is answered.
    at_once: usize,
}

impl Heard {
    fn watch(&self) -> Watch {
        let heard = self.clone();
        Arc::new(move |direction, bytes| {
            if direction == Direction::ToServer {
                heard.note(bytes);
                return Box::pin(async {});
            }
            let heard = heard.clone();
            Box::pin(async move {
                tokio::time::sleep(HELD).await;
                let until = Instant::now() + PATIENCE;
                while heard.waits_for_more() && Instant::now() < until {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                heard.talk().server_spoke_last = true;
            })
        })
    }

    fn note(&self, bytes: &[u8]) {
        let mut talk = self.talk();
        let word = bytes.split(|byte| *byte == b' ').next();
        let word = String::from_utf8_lossy(word.unwrap_or_default()).into_owned();
        if ["HEAD", "GET", "PUT", "POST", "DELETE"].contains(&word.as_str()) {
            talk.methods.push(word);
        }
        // The first word of all counts too.
        if std::mem::take(&mut talk.server_spoke_last) || talk.trips == 0 {
            talk.trips += 1;
        }
    }

    fn waits_for_more(&self) -> bool {
        let talk = self.talk();
        talk.methods.len() < talk.at_once
    }

    /// Round trips and methods since the last time. From now on, `at_once` requests come together.
    fn take(&self, at_once: usize) -> (usize, Vec<String>) {
        let next = Talk {
            at_once,
            ..Talk::default()
        };
        let mut taken = std::mem::replace(&mut *self.talk(), next);
        taken.methods.sort();
        (taken.trips, taken.methods)
    }

    fn talk(&self) -> MutexGuard<'_, Talk> {
        self.0.lock().expect("nobody panicked here")
    }
}

/// Servers, a proxy before each, and files of alice's in the bucket.
struct World {
    postgres: (Proxy, Heard),
    s3: (Proxy, Heard),
    database: TestDatabase,
    _server: S3Server,
    _folder: TempDir,
    keys: Vec<String>,
}

impl World {
    async fn start() -> Self {
        let database = database();
        let folder = TempDir::new().expect("a folder");
        let (server, _) = S3Server::start(S3Options {
            root: folder.path().to_owned(),
            bucket: BUCKET.to_owned(),
            region: "us-east-1".to_owned(),
            access_key: "test".to_owned(),
            secret_key: "test-secret".to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
        })
        .await
        .expect("the S3 server starts");
        let s3_port = server
            .endpoint()
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok());
        let mut world = Self {
            postgres: listened(database.server().port()),
            s3: listened(s3_port.expect("a port")),
            database,
            _server: server,
            _folder: folder,
            keys: Vec::new(),
        };
        world.upload(3).await;
        world
    }

    /// Puts so many files, through their URLs; `presign` asks nobody meanwhile.
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
        let mut env = environment(&s3, &self.postgres.0.through(&self.database.url()));
        let settings = settings.iter();
        env.extend(settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let lambda = Lambda::start(guard(), &binary(name), env).await;
        let lambda = lambda.expect("the function starts");
        lambda.ready().await;
        lambda
    }

    /// Round trips to Postgres, and what S3 was asked, in how many round trips, since the last time.
    fn heard(&self) -> (usize, usize, Vec<String>) {
        let (to_postgres, _) = self.postgres.1.take(0);
        let (to_s3, methods) = self.s3.1.take(0);
        (to_postgres, to_s3, methods)
    }

    /// Records the file number `at`.
    async fn save(&self, function: &Lambda, at: usize) {
        let body = json!({ "objectKey": self.keys[at] });
        let (status, saved) = call(function, "POST", "/save-metadata", Some(&body)).await;
        assert_eq!(status, 201, "{saved}");
    }
}

fn listened(port: u16) -> (Proxy, Heard) {
    let heard = Heard::default();
    let proxy = Proxy::watched(port, heard.watch());
    proxy.open();
    (proxy, heard)
}

async fn call(function: &Lambda, method: &str, path: &str, body: Option<&Value>) -> (u64, Value) {
    let event = request("alice", method, path, body);
    match function.invoke(&event, Duration::from_secs(20)).await {
        Outcome::Answered(reply) => answer(&reply),
        other => panic!("{method} {path}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_round_trip_could_be_avoided() {
    let world = World::start().await;

    // The first save connects to S3; the second is what all later ones are.
    let save = world
        .function("save-metadata", &[("DETECT_CONTENT", "false")])
        .await;
    world.save(&save, 0).await;
    world.heard();
    world.save(&save, 1).await;
    assert_eq!(world.heard(), (1, 1, vec!["HEAD".to_owned()]), "save");

    let files = world.function("files", &[]).await;
    world.heard();
    let (status, list) = call(&files, "GET", "/files?limit=100", None).await;
    assert_eq!(
        (status, list["files"].as_array().map(Vec::len)),
        (200, Some(2))
    );
    assert_eq!(world.heard(), (1, 0, Vec::new()), "list");
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
        assert_eq!(world.heard(), (trips, 0, Vec::new()), "{query}");
    }

    let delete = world.function("delete", &[]).await;
    let id = |at: usize| world.keys[at].split('/').nth(1).expect("an id");
    for (at, warm) in [(0, false), (1, true)] {
        world.heard();
        let (status, gone) = call(&delete, "DELETE", &format!("/files/{}", id(at)), None).await;
        assert_eq!(status, 200, "{gone}");
        if warm {
            assert_eq!(world.heard(), (1, 1, vec!["DELETE".to_owned()]), "delete");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_at_the_content_costs_no_time() {
    let world = World::start().await;
    let save = world.function("save-metadata", &[]).await;
    world.save(&save, 0).await;
    // With both connections made, HEAD and the first bytes are asked for before either is answered.
    world.heard();
    world.s3.1.take(2);
    world.save(&save, 1).await;
    let asked = vec!["GET".to_owned(), "HEAD".to_owned()];
    assert_eq!(world.heard(), (1, 1, asked), "save");
}

/// However many keys there are, Postgres is asked once; twice if some have no object, and a few times more if a quota
/// has no room for all.
#[tokio::test(flavor = "multi_thread")]
async fn many_confirmations_ask_postgres_a_bounded_number_of_times() {
    let mut world = World::start().await;
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
    world.heard();
    // Five bytes each: the statement, the usage and the rows, and the statement for those that fit.
    assert_eq!(save(&limited, &world.keys[..10]).await, 4);
    let (trips, _, mut methods) = world.heard();
    methods.retain(|method| method != "DELETE");
    assert_eq!((trips, methods), (4, vec!["HEAD".to_owned(); 10]));

    let function = world.function("save-metadata", &[content]).await;
    world.heard();
    for keys in [&world.keys[10..], &world.keys[10..], &world.keys[20..21]] {
        assert_eq!(save(&function, keys).await, keys.len());
        let (trips, _, methods) = world.heard();
        assert_eq!((trips, methods), (1, vec!["HEAD".to_owned(); keys.len()]));
    }
    let mut keys = world.keys[10..20].to_vec();
    keys.push(keys[0].replacen("/0", "/1", 1));
    assert_eq!(save(&function, &keys).await, 10);
    assert_eq!(world.heard().0, 2, "one key has no object");
}
