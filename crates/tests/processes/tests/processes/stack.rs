//! Built functions, a Postgres, an S3 server, and requests as API Gateway sends them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use slipway_emulators::capture;
use slipway_emulators::lambda::{InvocationResult, Lambda};
use slipway_emulators::s3::{ObjectEvent, S3Server};
use slipway_processes::{answer, binary, environment, request, s3_options, signed_by};
use slipway_testkit::{TestDatabase, database, guard};
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;

const FUNCTIONS: [&str; 8] = [
    "presign",
    "presign-quota",
    "save-metadata",
    "files",
    "rename",
    "delete",
    "multipart",
    "record-upload",
];

/// The resources of one test. They are removed when dropped.
pub(crate) struct Stack {
    functions: BTreeMap<&'static str, Lambda>,
    pub(crate) events: UnboundedReceiver<ObjectEvent>,
    _s3: S3Server,
    _database: TestDatabase,
    _folder: TempDir,
}

impl Stack {
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let database = database();
        let folder = TempDir::new().expect("a folder");
        let (s3, events) = S3Server::start(s3_options(folder.path()))
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
            let env = signed_by(function, env.clone());
            let lambda = Lambda::start(guard(), &binary(function), env)
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

    /// Sends a request as an HTTP API does, and returns status and body.
    pub(crate) async fn call(
        &self,
        function: &str,
        user: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> (u64, Value) {
        let event = request(user, method, path, body.as_ref());
        let reply = match self.invoke(function, &event).await {
            InvocationResult::Answered(reply) => reply,
            other => panic!("{method} {path}: {other:?}"),
        };
        capture::reply(reply["body"].as_str().unwrap_or_default());
        answer(&reply)
    }

    /// The process id of `function`.
    #[cfg(target_os = "linux")]
    pub(crate) fn pid(&self, function: &str) -> i32 {
        self.functions[function].pid().expect("it runs")
    }

    /// Sends `event` to `function`.
    pub(crate) async fn invoke(&self, function: &str, event: &Value) -> InvocationResult {
        self.functions[function]
            .invoke(event, Duration::from_secs(20))
            .await
    }
}
