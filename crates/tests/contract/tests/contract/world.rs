//! A deployment for one test: a database, an S3 server, every function, and a client.

mod answer;
mod app;
mod bucket;
mod described;
mod parts;
mod router;
mod uploads;

use std::collections::BTreeMap;
use std::ops::Deref;

use serde_json::Value;
use slipway_emulators::s3::{KeyPair, ObjectEvent, Policy, S3Options, S3Server};
use slipway_testkit::{JWT_AUDIENCE, JWT_ISSUER, JWT_SECRET, TestDatabase};
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Mutex, OnceCell};

pub(crate) use answer::Answer;
pub(crate) use app::{App, REQUEST_ID, TRACE_ID};
pub(crate) use described::encoded;
pub(crate) use parts::{MIB, put_part};
pub(crate) use router::{Route, route, router};
pub(crate) use uploads::{Events, failed, put};

/// The bucket name in the files of `events/`.
pub(crate) const BUCKET: &str = "slipway-local";
const REGION: &str = "us-east-1";
/// The administrator's access key. The keys of the functions are derived from it.
const ACCESS_KEY: &str = "AKIATESTS";
const SECRET_KEY: &str = "the secret of the tests";

/// The environment of the functions of one deployment.
pub(crate) type Variables = BTreeMap<String, String>;

/// A deployment. It dereferences to [`App`]: one set of functions with one configuration.
pub(crate) struct World {
    app: Box<App>,
    pub(crate) database: TestDatabase,
    pub(crate) server: S3Server,
    events: Mutex<UnboundedReceiver<ObjectEvent>>,
    _root: TempDir,
    s3: OnceCell<aws_sdk_s3::Client>,
    sql: OnceCell<tokio_postgres::Client>,
}

impl World {
    /// With defaults only.
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With these variables. The bucket policy requires a scan if they do.
    pub(crate) async fn with(variables: &[(&str, &str)]) -> Self {
        let gated = variables.contains(&("REQUIRE_SCAN", "true"));
        Self::behind(gated, variables).await
    }

    /// With these variables, and a bucket policy that requires a scan if `gated`, whatever the
    /// variables.
    pub(crate) async fn behind(gated: bool, variables: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let policy = policy(gated, variables);
        let started = S3Server::start_with(options(&root), policy).await;
        let (server, events) = started.unwrap();
        let database = slipway_testkit::database();
        let mut env = basics(&server.endpoint());
        env.insert("DATABASE_URL".to_owned(), database.url());
        Self {
            app: Box::new(App::new(amended(env, variables))),
            database,
            server,
            events: Mutex::new(events),
            _root: root,
            s3: OnceCell::new(),
            sql: OnceCell::new(),
        }
    }

    /// Other functions on the same database and bucket, with these variables in addition.
    pub(crate) fn app(&self, variables: &[(&str, &str)]) -> App {
        App::new(amended(self.app.env.clone(), variables))
    }

    /// The endpoint of S3.
    pub(crate) fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// A connection to Postgres as superuser.
    pub(crate) async fn sql(&self) -> &tokio_postgres::Client {
        self.sql.get_or_init(|| self.database.admin()).await
    }

    /// The row of a file, live or a tombstone, by column names.
    pub(crate) async fn row(&self, id: &str) -> Option<Value> {
        let sql = "SELECT to_jsonb(f) FROM s3_files f WHERE id = $1";
        let id = uuid::Uuid::try_parse(id).unwrap();
        let row = self.sql().await.query_opt(sql, &[&id]).await.unwrap()?;
        Some(row.get(0))
    }

    /// Whether there is a tombstone of the file.
    pub(crate) async fn is_tombstone(&self, id: &str) -> bool {
        let row = self.row(id).await;
        row.is_some_and(|row| !row["deleted_at"].is_null())
    }
}

impl Deref for World {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

/// Functions without a database and a bucket, which presigning does not need.
pub(crate) fn offline(variables: &[(&str, &str)]) -> App {
    // Nothing listens on this port.
    App::new(amended(basics("http://127.0.0.1:9"), variables))
}

/// The variables that every function needs, except `DATABASE_URL`. The environment of the process
/// is not used.
pub(crate) fn basics(endpoint: &str) -> Variables {
    [
        ("S3_BUCKET_NAME", BUCKET),
        ("S3_ENDPOINT", endpoint),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("JWT_SECRET", JWT_SECRET),
        ("JWT_ISSUER", JWT_ISSUER),
        ("JWT_AUDIENCE", JWT_AUDIENCE),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// `env` with `variables` in addition. An empty value removes a variable.
pub(crate) fn amended(mut env: Variables, variables: &[(&str, &str)]) -> Variables {
    env.extend(
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    env
}

/// The access key of a function.
pub(crate) fn keys_of(package: &str) -> KeyPair {
    KeyPair::new(ACCESS_KEY, SECRET_KEY).of_function(package)
}

/// A file without its read URL, which differs between functions: each signs by a key of its own.
pub(crate) fn without_url(file: &Value) -> Value {
    let mut file = file.clone();
    file["url"].take();
    file
}

/// The bucket policy of a deployment with these variables.
fn policy(gated: bool, variables: &[(&str, &str)]) -> Policy {
    let mut policy = Policy::of_variables(|variable| {
        let found = variables.iter().find(|(name, _)| *name == variable);
        let found = found.filter(|_| variable != "REQUIRE_SCAN");
        found.map(|(_, value)| (*value).to_owned())
    });
    let gate = gated.then(|| ("RequireScan", "true".to_owned()));
    policy.parameters.extend(gate);
    policy
}

fn options(root: &TempDir) -> S3Options {
    S3Options {
        root: root.path().to_owned(),
        bucket: BUCKET.to_owned(),
        region: REGION.to_owned(),
        access_key: ACCESS_KEY.to_owned(),
        secret_key: SECRET_KEY.to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
    }
}
