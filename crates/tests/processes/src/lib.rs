//! The built binaries as processes: helpers that several test targets share.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test without its resources must fail at once"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;
use slipway_emulators::gateway::GatewayEvent;
use slipway_emulators::s3::{KeyPair, S3Options};
use slipway_testkit::{JWT_AUDIENCE, JWT_ISSUER, JWT_SECRET, token};

/// The bucket of every test.
pub const BUCKET: &str = "files";

const ACCESS_KEY: &str = "test";
const SECRET_KEY: &str = "test-secret";
/// The path of the binary of `function`.
#[must_use]
pub fn binary(function: &str) -> PathBuf {
    binaries().join(function)
}

/// The folder with the functions' binaries, built once by the same cargo. Naming a test target
/// enables the features of dev-dependencies, as `cargo test --workspace` does, so that cargo has
/// hardly more than linking to do.
fn binaries() -> &'static PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(["build", "--workspace", "--bins", "--test", "processes"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../.."));
        let status = without_cargo_variables(&mut cargo)
            .status()
            .expect("cargo starts");
        assert!(status.success(), "the functions do not build: {status}");
        let test = std::env::current_exe().expect("the path of this test");
        test.ancestors().nth(2).expect("a target folder").to_owned()
    });
    &FOLDER
}

/// Removes the variables that `cargo test` sets for a test.
///
/// Build scripts that watch them would see a change and run again: `ring` and then the whole AWS
/// SDK would be compiled again each time.
pub fn without_cargo_variables(cargo: &mut Command) -> &mut Command {
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

/// A local S3 server with its files in `root`.
#[must_use]
pub fn s3_options(root: &Path) -> S3Options {
    S3Options {
        root: root.to_owned(),
        bucket: BUCKET.to_owned(),
        region: "us-east-1".to_owned(),
        access_key: ACCESS_KEY.to_owned(),
        secret_key: SECRET_KEY.to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
    }
}

/// `env` with the access key of `function`, which the local S3 server grants what the role of the
/// function does.
#[must_use]
pub fn signed_by(function: &str, mut env: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let keys = KeyPair::new(ACCESS_KEY, SECRET_KEY).of_function(function);
    env.extend(
        keys.variables()
            .map(|(name, value)| (name.to_owned(), value)),
    );
    env
}

/// An environment as a deployment sets it, but with the administrator's access key.
#[must_use]
pub fn environment(s3: &str, database: &str) -> BTreeMap<String, String> {
    [
        ("S3_BUCKET_NAME", BUCKET),
        ("AWS_REGION", "us-east-1"),
        ("S3_ENDPOINT", s3),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("DATABASE_URL", database),
        ("JWT_SECRET", JWT_SECRET),
        ("JWT_ISSUER", JWT_ISSUER),
        ("JWT_AUDIENCE", JWT_AUDIENCE),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// A request of `user` as an HTTP API sends it.
#[must_use]
pub fn request(user: &str, method: &str, target: &str, body: Option<&Value>) -> Value {
    let event = GatewayEvent::new(method, target).bearer(&token(user));
    match body {
        Some(body) => event.json(body).0,
        None => event.0,
    }
}

/// Status and body of a response for an HTTP API.
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
