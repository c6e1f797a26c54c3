//! Built functions, a Postgres, an S3 server, and requests as API Gateway would send them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};
use slipway_local::capture;
use slipway_local::lambda::{Lambda, Outcome};
use slipway_local::s3::{ObjectEvent, S3Options, S3Server};
use slipway_testkit::{TestDatabase, database, guard};
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;

const SECRET: &str = "a secret of at least thirty-two bytes";
const FUNCTIONS: [&str; 6] = [
    "presign",
    "presign-quota",
    "save-metadata",
    "files",
    "delete",
    "record-upload",
];

/// Everything that one test needs; gone when dropped.
pub(crate) struct Stack {
    functions: BTreeMap<&'static str, Lambda>,
    pub(crate) events: UnboundedReceiver<ObjectEvent>,
    _s3: S3Server,
    _database: TestDatabase,
    _folder: TempDir,
}

/// The folder with the functions' binaries, built once by the same cargo, with the features that
/// `cargo test --workspace` has, so that hardly more than linking is left to do.
fn binaries() -> &'static PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let status = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--workspace", "--bins"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .status()
            .expect("cargo starts");
        assert!(status.success(), "the functions do not build: {status}");
        let test = std::env::current_exe().expect("the path of this test");
        test.ancestors().nth(2).expect("a target folder").to_owned()
    });
    &FOLDER
}

/// The binary of `function`.
pub(crate) fn binary(function: &str) -> PathBuf {
    binaries().join(function)
}

/// An environment as a deployment sets it.
pub(crate) fn environment(s3: &str, database: &str) -> BTreeMap<String, String> {
    [
        ("S3_BUCKET_NAME", "files"),
        ("AWS_REGION", "us-east-1"),
        ("S3_ENDPOINT", s3),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test-secret"),
        ("DATABASE_URL", database),
        ("JWT_SECRET", SECRET),
        ("JWT_ISSUER", "https://issuer"),
        ("JWT_AUDIENCE", "slipway"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

impl Stack {
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let database = database();
        let folder = TempDir::new().expect("a folder");
        let (s3, events) = S3Server::start(S3Options {
            root: folder.path().to_owned(),
            bucket: "files".to_owned(),
            region: "us-east-1".to_owned(),
            access_key: "test".to_owned(),
            secret_key: "test-secret".to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
        })
        .await
        .expect("the S3 server starts");
        let mut env = environment(&s3.endpoint(), &database.url());
        env.extend(
            settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let quota = env.contains_key("USER_QUOTA_BYTES");
        let mut functions = BTreeMap::new();
        for function in FUNCTIONS {
            let unused = if quota { "presign" } else { "presign-quota" };
            if function == unused {
                continue;
            }
            let lambda = Lambda::start(guard(), &binary(function), env.clone())
                .await
                .expect("the function starts");
            functions.insert(function, lambda);
        }
        Self {
            functions,
            events,
            _s3: s3,
            _database: database,
            _folder: folder,
        }
    }

    /// Sends a request as an HTTP API does, and answers status and body.
    pub(crate) async fn call(
        &self,
        function: &str,
        user: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (u64, Value) {
        let (raw_path, query) = path.split_once('?').unwrap_or((path, ""));
        let event = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": raw_path, "rawQueryString": query,
            "headers": { "authorization": format!("Bearer {}", token(user)), "content-type": "application/json" },
            "requestContext": { "accountId": "1", "apiId": "a", "domainName": "d", "domainPrefix": "p",
                "http": { "method": method, "path": raw_path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "t" },
                "requestId": "r", "routeKey": "$default", "stage": "$default", "time": "", "timeEpoch": 0 },
            "body": body.map(|body| body.to_string()), "isBase64Encoded": false,
        });
        let answer = match self.invoke(function, &event).await {
            Outcome::Answered(answer) => answer,
            other => panic!("{method} {path}: {other:?}"),
        };
        capture::reply(answer["body"].as_str().unwrap_or_default());
        let body = answer["body"]
            .as_str()
            .and_then(|body| serde_json::from_str(body).ok());
        (
            answer["statusCode"].as_u64().expect("a status"),
            body.unwrap_or(Value::Null),
        )
    }

    /// Gives `event` to `function`.
    pub(crate) async fn invoke(&self, function: &str, event: &Value) -> Outcome {
        self.functions[function]
            .invoke(event, Duration::from_secs(20))
            .await
    }
}

/// A token for `user`, good for a minute.
pub(crate) fn token(user: &str) -> String {
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let claims = json!({ "sub": user, "iss": "https://issuer", "aud": "slipway", "iat": now, "exp": now + 60 });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!(
        "{}.{}",
        part(&json!({ "alg": "HS256", "typ": "JWT" })),
        part(&claims)
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
    capture::secret(&signature);
    format!("{message}.{signature}")
}
