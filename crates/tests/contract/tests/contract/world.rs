//! A deployment of one test's own: a database, an S3 server, every function, and somebody to call them.

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
use slipway_emulators::s3::{Document, ObjectEvent, Policy, S3Options, S3Server};
use slipway_testkit::TestDatabase;
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Mutex, OnceCell};

use crate::event::{AUDIENCE, ISSUER, SECRET};

pub(crate) use answer::Answer;
pub(crate) use app::{App, REQUEST_ID, TRACE_ID};
pub(crate) use described::encoded;
pub(crate) use parts::{MIB, put_part};
pub(crate) use router::{Route, route, router};
pub(crate) use uploads::{Events, failed, put};

/// As in the files of `events/`.
pub(crate) const BUCKET: &str = "slipway-local";
const REGION: &str = "us-east-1";
const ACCESS_KEY: &str = "AKIATESTS";
const SECRET_KEY: &str = "the secret of the tests";

/// What the functions of one deployment are configured with.
pub(crate) type Variables = BTreeMap<String, String>;

/// A deployment, and what it runs on. It is an [`App`]: one set of functions under one configuration.
pub(crate) struct World {
    app: Box<App>,
    database: TestDatabase,
    pub(crate) server: S3Server,
    events: Mutex<UnboundedReceiver<ObjectEvent>>,
    _root: TempDir,
    s3: OnceCell<aws_sdk_s3::Client>,
    sql: OnceCell<tokio_postgres::Client>,
}

impl World {
    /// With nothing configured that has a default.
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With these variables besides. The bucket has its gate where they ask for it.
    pub(crate) async fn with(variables: &[(&str, &str)]) -> Self {
        let gated = variables.contains(&("REQUIRE_SCAN", "true"));
        Self::behind(gated, variables).await
    }

    /// With these variables besides, and a bucket with or without the gate, whatever they say.
    pub(crate) async fn behind(gated: bool, variables: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let policy = if gated { gate() } else { Policy::default() };
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

    /// Other functions over the same database and bucket, with these variables besides.
    pub(crate) fn app(&self, variables: &[(&str, &str)]) -> App {
        App::new(amended(self.app.env.clone(), variables))
    }

    /// Where S3 is.
    pub(crate) fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// Postgres as its superuser sees it.
    pub(crate) async fn sql(&self) -> &tokio_postgres::Client {
        self.sql.get_or_init(|| self.database.admin()).await
    }

    /// The row of a file, live or a tombstone, with the columns' names.
    pub(crate) async fn row(&self, id: &str) -> Option<Value> {
        let sql = "SELECT to_jsonb(f) FROM s3_files f WHERE id = $1";
        let id = uuid::Uuid::try_parse(id).unwrap();
        let row = self.sql().await.query_opt(sql, &[&id]).await.unwrap()?;
        Some(row.get(0))
    }

    /// Whether the file is deleted, and known to be.
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

/// Functions with neither a database nor a bucket behind them: presigning needs none.
pub(crate) fn offline(variables: &[(&str, &str)]) -> App {
    // Nothing listens there.
    App::new(amended(basics("http://127.0.0.1:9"), variables))
}

/// What every function needs, Postgres excepted. Nothing is read from the environment of the process.
pub(crate) fn basics(endpoint: &str) -> Variables {
    [
        ("S3_BUCKET_NAME", BUCKET),
        ("S3_ENDPOINT", endpoint),
        ("AWS_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("JWT_SECRET", SECRET),
        ("JWT_ISSUER", ISSUER),
        ("JWT_AUDIENCE", AUDIENCE),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// `env` with `variables` besides.
pub(crate) fn amended(mut env: Variables, variables: &[(&str, &str)]) -> Variables {
    env.extend(
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    env
}

/// The bucket policy of `template.yaml` with its gate: most tests read without it.
fn gate() -> Policy {
    Policy {
        document: Document::ours(BUCKET, &[("RequireScan", "true")]).unwrap(),
        ..Policy::default()
    }
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
