//! The built binaries, end to end: what the tests in `tests/` share.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test that cannot get what it needs must fail there and then"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};
use slipway_emulators::capture;

/// The bucket of every test.
pub const BUCKET: &str = "files";

const SECRET: &str = "a secret of at least thirty-two bytes";

/// The binary of `function`.
#[must_use]
pub fn binary(function: &str) -> PathBuf {
    binaries().join(function)
}

/// The folder with the functions' binaries, built once by the same cargo. Naming a test gives them the features of
/// development dependencies, as `cargo test --workspace` does, so that nothing or hardly more than linking is left to do.
fn binaries() -> &'static PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(["build", "--workspace", "--bins", "--test", "processes"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.."));
        let status = as_by_hand(&mut cargo).status().expect("cargo starts");
        assert!(status.success(), "the functions do not build: {status}");
        let test = std::env::current_exe().expect("the path of this test");
        test.ancestors().nth(2).expect("a target folder").to_owned()
    });
    &FOLDER
}

/// Cargo as a person calls it.
///
/// What `cargo test` sets for a test looks like a change to build scripts that watch it: `ring`, and with it the whole
/// AWS SDK, would be built anew each time.
pub fn as_by_hand(cargo: &mut Command) -> &mut Command {
    let set_by_cargo = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
    ];
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if set_by_cargo.iter().any(|begin| name.starts_with(begin)) {
            cargo.env_remove(&*name);
        }
    }
    cargo
}

/// An environment as a deployment sets it.
#[must_use]
pub fn environment(s3: &str, database: &str) -> BTreeMap<String, String> {
    [
        ("S3_BUCKET_NAME", BUCKET),
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

/// A request of `user` as an HTTP API sends it.
#[must_use]
pub fn request(user: &str, method: &str, path: &str, body: Option<&Value>) -> Value {
    let (raw_path, query) = path.split_once('?').unwrap_or((path, ""));
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": raw_path, "rawQueryString": query,
        "headers": { "authorization": format!("Bearer {}", token(user)), "content-type": "application/json" },
        "requestContext": { "accountId": "1", "apiId": "a", "domainName": "d", "domainPrefix": "p",
            "http": { "method": method, "path": raw_path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "t" },
            "requestId": "r", "routeKey": "$default", "stage": "$default", "time": "", "timeEpoch": 0 },
        "body": body.map(ToString::to_string), "isBase64Encoded": false,
    })
}

/// Status and body of an answer for an HTTP API.
#[must_use]
pub fn answer(answer: &Value) -> (u64, Value) {
    let body = answer["body"]
        .as_str()
        .and_then(|body| serde_json::from_str(body).ok());
    (
        answer["statusCode"].as_u64().expect("a status"),
        body.unwrap_or(Value::Null),
    )
}

/// A token for `user`, good for ten minutes.
fn token(user: &str) -> String {
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    let claims = json!({ "sub": user, "iss": "https://issuer", "aud": "slipway", "iat": now, "exp": now + 600 });
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
