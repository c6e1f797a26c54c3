//! The target of the doctor in tests: functions as processes, an HTTP API, S3 with its events, and
//! Postgres.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use slipway_api::routes::ROUTES;
use slipway_emulators::gateway::{Gateway, GatewayRoute};
use slipway_emulators::lambda::{InvocationResult, Lambda};
use slipway_emulators::s3::{EventName, ObjectEvent, Policy, S3Options, S3Server};
use slipway_processes::binary;
use slipway_testkit::{
    HttpProxy, JWT_AUDIENCE, JWT_ISSUER, JWT_SECRET, TestDatabase, claims, database, guard,
    signed_token,
};
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use crate::clock::{with_date_ahead, without_metadata};
use crate::report::ParsedReport;

/// The page that the tests upload from.
pub(crate) const ORIGIN: &str = "https://app.example";
pub(crate) const BUCKET: &str = "files";

/// How a stack differs from a healthy one.
pub(crate) struct Plan {
    /// Variables of the functions.
    pub(crate) settings: Vec<(&'static str, String)>,
    pub(crate) policy: Policy,
    /// Pages that the API lets call.
    pub(crate) origins: Vec<String>,
    /// Whether S3's events are delivered.
    pub(crate) events: bool,
    /// How far the API's `Date` is ahead.
    pub(crate) clock_ahead: Duration,
    /// Whether S3 loses the metadata of a signed query.
    pub(crate) loses_metadata: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            settings: Vec::new(),
            policy: Policy {
                origins: Some(vec![ORIGIN.to_owned()]),
                ..Policy::default()
            },
            origins: vec![ORIGIN.to_owned()],
            events: true,
            clock_ahead: Duration::ZERO,
            loses_metadata: false,
        }
    }
}

impl Plan {
    /// A healthy stack but for one variable.
    pub(crate) fn with(name: &'static str, value: impl Into<String>) -> Self {
        Self {
            settings: vec![(name, value.into())],
            ..Self::default()
        }
    }
}

/// A running stack; gone when dropped.
pub(crate) struct Stack {
    pub(crate) gateway: Option<Gateway>,
    pub(crate) s3: Option<S3Server>,
    pub(crate) database: TestDatabase,
    /// The outputs as `describe-stacks` prints them.
    pub(crate) outputs: BTreeMap<&'static str, String>,
    /// The keys that are in the bucket.
    pub(crate) objects: Arc<Mutex<BTreeSet<String>>>,
    deliveries: JoinHandle<()>,
    _proxies: Vec<HttpProxy>,
    folder: TempDir,
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.deliveries.abort();
    }
}

impl Stack {
    /// A stack with nothing wrong.
    pub(crate) async fn healthy() -> Self {
        Self::start(Plan::default()).await
    }

    pub(crate) async fn start(plan: Plan) -> Self {
        let (database, folder) = (database(), TempDir::new().expect("a folder"));
        let options = S3Options {
            root: folder.path().join("s3"),
            bucket: BUCKET.to_owned(),
            region: "us-east-1".to_owned(),
            access_key: "test".to_owned(),
            secret_key: "test-secret".to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
        };
        let started = S3Server::start_with(options, plan.policy).await;
        let (s3, events) = started.expect("the S3 server starts");
        let (mut endpoint, mut proxies) = (s3.endpoint(), Vec::new());
        if plan.loses_metadata {
            let losing = HttpProxy::before(&endpoint).await;
            losing.edit_response_heads(without_metadata);
            endpoint = losing.endpoint();
            proxies.push(losing);
        }
        let mut env: BTreeMap<&str, String> = [
            ("S3_BUCKET_NAME", BUCKET.to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("S3_ENDPOINT", endpoint),
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test-secret".to_owned()),
            ("DATABASE_URL", database.url()),
            ("JWT_SECRET", JWT_SECRET.to_owned()),
            ("JWT_ISSUER", JWT_ISSUER.to_owned()),
            ("JWT_AUDIENCE", JWT_AUDIENCE.to_owned()),
        ]
        .into();
        env.extend(plan.settings);

        let mut functions = BTreeMap::new();
        for name in [
            "presign",
            "save-metadata",
            "files",
            "delete",
            "record-upload",
        ] {
            let env = env
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()));
            let function = Lambda::start(guard(), &binary(name), env).await;
            functions.insert(name, Arc::new(function.expect("the function starts")));
        }
        let routes = ROUTES.iter().filter_map(|route| {
            Some(GatewayRoute {
                method: route.method,
                path: route.path,
                function: Arc::clone(functions.get(route.function)?),
            })
        });
        let gateway = Gateway::start(routes.collect(), plan.origins)
            .await
            .expect("the API starts");
        let mut api = gateway.url();
        if !plan.clock_ahead.is_zero() {
            let shifted = HttpProxy::before(&api).await;
            shifted.edit_response_heads(move |head| with_date_ahead(head, plan.clock_ahead));
            api = shifted.endpoint();
            proxies.push(shifted);
        }
        let objects = Arc::default();
        let recorder = plan.events.then(|| Arc::clone(&functions["record-upload"]));
        let deliveries = tokio::spawn(deliver(events, recorder, Arc::clone(&objects)));
        let outputs = [
            ("ApiUrl", api),
            ("BucketName", env["S3_BUCKET_NAME"].clone()),
            ("JwtIssuer", JWT_ISSUER.to_owned()),
            ("JwtAudience", JWT_AUDIENCE.to_owned()),
            ("AllowedOrigins", ORIGIN.to_owned()),
            ("RecordUploads", "true".to_owned()),
            ("DatabaseUrl", env["DATABASE_URL"].clone()),
        ];
        Self {
            gateway: Some(gateway),
            s3: Some(s3),
            database,
            outputs: outputs.into(),
            objects,
            deliveries,
            _proxies: proxies,
            folder,
        }
    }

    /// Runs the doctor with a good token.
    pub(crate) async fn examine(&self) -> ParsedReport {
        self.examine_with(&token(&json!({})), &[]).await
    }

    /// Runs it with this token and further arguments.
    pub(crate) async fn examine_with(&self, token: &str, args: &[&str]) -> ParsedReport {
        let path = self.folder.path().join("outputs.json");
        let (mut outputs, mut database) = (Vec::new(), "");
        for (name, value) in &self.outputs {
            if *name == "DatabaseUrl" {
                database = value;
            } else {
                outputs.push(json!({ "OutputKey": name, "OutputValue": value }));
            }
        }
        let outputs = json!({ "Stacks": [{ "StackName": "slipway", "Outputs": outputs }] });
        std::fs::write(&path, outputs.to_string()).expect("a file");
        let mut doctor = tokio::process::Command::new(env!("CARGO_BIN_EXE_slipway-dev"));
        doctor
            .args(["doctor", "--json", "--outputs"])
            .arg(&path)
            .arg("--state")
            .arg(self.folder.path())
            .arg("--migrate")
            .arg(binary("migrate"))
            .args(args)
            .env("SLIPWAY_TOKEN", token)
            .env("DATABASE_URL", database)
            .kill_on_drop(true);
        let output = doctor.output().await.expect("the doctor starts");
        ParsedReport::read(&output, token)
    }
}

/// Keeps account of what is in the bucket, and tells the recorder if there is one.
async fn deliver(
    mut events: UnboundedReceiver<ObjectEvent>,
    recorder: Option<Arc<Lambda>>,
    objects: Arc<Mutex<BTreeSet<String>>>,
) {
    while let Some(event) = events.recv().await {
        {
            let mut objects = objects.lock().expect("the objects");
            if event.name == EventName::Delete {
                objects.remove(&event.key);
            } else {
                objects.insert(event.key.clone());
            }
        }
        if let Some(recorder) = &recorder {
            let notification = event.to_s3_notification();
            let outcome = recorder
                .invoke(&notification, Duration::from_secs(30))
                .await;
            // Where the database is broken by intent it fails, as it would on Lambda.
            if !matches!(outcome, InvocationResult::Answered(_)) {
                eprintln!("record-upload: {outcome:?}");
            }
        }
    }
}

/// A token for `alice` with these claims changed. A claim that is null here is left out.
pub(crate) fn token(changes: &Value) -> String {
    let mut claims = claims("alice");
    for (name, value) in changes.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    let object = claims.as_object_mut().expect("an object");
    object.retain(|_, value| !value.is_null());
    signed_token(&claims)
}
