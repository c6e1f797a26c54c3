//! The functions of one configuration. Each is created on first use.

use slipway_emulators::gateway::GatewayEvent;
use slipway_testkit::token;
use std::time::{Duration, SystemTime};

use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;
use serde_json::value::to_raw_value;
use slipway_api::{Function, Identity, answer};
use slipway_core::env::Environment;
use slipway_delete::Delete;
use slipway_emulators::capture;
use slipway_files::Files;
use slipway_multipart::Multipart;
use slipway_presign::Presign;
use slipway_presign_quota::PresignQuota;
use slipway_record_upload::RecordUpload;
use slipway_rename::Rename;
use slipway_save_metadata::SaveMetadata;
use tokio::sync::OnceCell;

use super::router::{Route, route};
use super::{ACCESS_KEY, Answer, SECRET_KEY, Variables, keys_of};
use crate::spec;

/// The request id of every call.
pub(crate) const REQUEST_ID: &str = "6bc28136-8f1c-4c36-9f3a-2d1f3c5a7e90";

/// The trace of every call.
pub(crate) const TRACE_ID: &str =
    "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1";

/// Functions with one configuration. As on Lambda, each has connections of its own.
pub(crate) struct App {
    pub(crate) env: Variables,
    pub(crate) http: reqwest::Client,
    /// The timeout of each call.
    time: Duration,
    identity: Identity,
    presign: OnceCell<Presign>,
    presign_quota: OnceCell<PresignQuota>,
    save_metadata: OnceCell<SaveMetadata>,
    files: OnceCell<Files>,
    rename: OnceCell<Rename>,
    delete: OnceCell<Delete>,
    multipart: OnceCell<Multipart>,
    record_upload: OnceCell<RecordUpload>,
}

impl App {
    pub(crate) fn new(env: Variables) -> Self {
        slipway_testkit::capture_log();
        capture::environment(env.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        let identity = Identity::from_env(&env.clone().into_iter().collect()).unwrap();
        Self {
            identity,
            http: reqwest::Client::new(),
            time: Duration::from_secs(29),
            presign: OnceCell::new(),
            presign_quota: OnceCell::new(),
            save_metadata: OnceCell::new(),
            files: OnceCell::new(),
            rename: OnceCell::new(),
            delete: OnceCell::new(),
            multipart: OnceCell::new(),
            record_upload: OnceCell::new(),
            env,
        }
    }

    /// The same with another timeout.
    pub(crate) fn within(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// A request of `user` with a valid token.
    pub(crate) async fn call(
        &self,
        user: &str,
        method: &str,
        target: &str,
        body: Option<Value>,
    ) -> Answer {
        let event = GatewayEvent::new(method, target).bearer(&token(user));
        self.send(match body {
            Some(body) => event.json(&body),
            None => event,
        })
        .await
    }

    pub(crate) async fn get(&self, user: &str, target: &str) -> Answer {
        self.call(user, "GET", target, None).await
    }

    pub(crate) async fn post(&self, user: &str, target: &str, body: Value) -> Answer {
        self.call(user, "POST", target, Some(body)).await
    }

    pub(crate) async fn patch(&self, user: &str, id: &str, body: Value) -> Answer {
        self.call(user, "PATCH", &format!("/files/{id}"), Some(body))
            .await
    }

    pub(crate) async fn delete(&self, user: &str, id: &str) -> Answer {
        self.call(user, "DELETE", &format!("/files/{id}"), None)
            .await
    }

    /// The response to `event` of the function that the router names.
    pub(crate) async fn send(&self, event: GatewayEvent) -> Answer {
        let (method, path) = target(&event);
        let route = route(&method, &path).unwrap_or_else(|| panic!("no route: {method} {path}"));
        self.send_by(route, event).await
    }

    /// The response to `event` of the function of `route`, if the event's path differs from the
    /// router's.
    pub(crate) async fn send_by(&self, route: &Route, event: GatewayEvent) -> Answer {
        let answer = Box::pin(self.ask(route.function, event)).await;
        spec::check(Some(route), &answer);
        answer
    }

    /// The response to `event` of a function that API Gateway would not call: the path does not
    /// exist, or the caller is not authenticated.
    pub(crate) async fn send_stray(&self, function: &str, event: GatewayEvent) -> Answer {
        let answer = Box::pin(self.ask(function, event)).await;
        spec::check(None, &answer);
        answer
    }

    async fn ask(&self, function: &str, event: GatewayEvent) -> Answer {
        let quota = self.env.contains_key("USER_QUOTA_BYTES");
        let package = match function {
            "presign" if quota => "presign-quota",
            function => function,
        };
        let env: &Environment = &self.variables(package).into_iter().collect();
        match package {
            "presign-quota" => {
                let function = PresignQuota::from_env(env);
                self.run(made(&self.presign_quota, function).await, &event)
                    .await
            }
            "presign" => {
                let function = async { Presign::from_env(env) };
                self.run(made(&self.presign, function).await, &event).await
            }
            "save-metadata" => {
                let function = SaveMetadata::from_env(env);
                self.run(made(&self.save_metadata, function).await, &event)
                    .await
            }
            "files" => {
                let function = Files::from_env(env);
                self.run(made(&self.files, function).await, &event).await
            }
            "rename" => {
                let function = Rename::from_env(env);
                self.run(made(&self.rename, function).await, &event).await
            }
            "delete" => {
                let function = Delete::from_env(env);
                self.run(made(&self.delete, function).await, &event).await
            }
            "multipart" => {
                let function = Multipart::from_env(env);
                self.run(made(&self.multipart, function).await, &event)
                    .await
            }
            other => panic!("no function {other}"),
        }
    }

    /// The environment of `package`: the common one, with an access key of its own unless a test
    /// sets another.
    pub(crate) fn variables(&self, package: &str) -> Variables {
        let own = keys_of(package);
        let mut variables = self.env.clone();
        for ((name, value), common) in own.variables().into_iter().zip([ACCESS_KEY, SECRET_KEY]) {
            if variables.get(name).is_some_and(|given| given == common) {
                variables.insert(name.to_owned(), value);
            }
        }
        capture::environment(variables.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        variables
    }

    async fn run(&self, function: &impl Function, event: &GatewayEvent) -> Answer {
        let (event, context) = (to_raw_value(&event.0).unwrap(), context(self.time));
        // Boxed, since the compiler does not follow futures nested this deep.
        let answer = Box::pin(answer(function, &self.identity, &event, &context));
        Answer::of(&answer.await.expect("an answer"))
    }

    /// The response of `record-upload` to an event.
    pub(crate) async fn deliver(&self, event: Value) -> Result<Value, lambda_runtime::Error> {
        let env: Environment = self.variables("record-upload").into_iter().collect();
        let function = made(&self.record_upload, RecordUpload::from_env(&env)).await;
        Box::pin(function.handle(LambdaEvent::new(event, context(self.time)))).await
    }
}

async fn made<T, E: std::fmt::Debug>(
    cell: &OnceCell<T>,
    make: impl Future<Output = Result<T, E>>,
) -> &T {
    let make = Box::pin(async { make.await.expect("a configuration") });
    cell.get_or_init(|| make).await
}

/// Method and path of either kind of event, without the stage.
fn target(event: &GatewayEvent) -> (String, String) {
    let text = |pointer: &str| event.0.pointer(pointer).and_then(Value::as_str);
    let method = text("/requestContext/http/method").or_else(|| text("/httpMethod"));
    let path = text("/rawPath").or_else(|| text("/path")).expect("a path");
    let stage = format!("/{}/", text("/requestContext/stage").expect("a stage"));
    let path = match path.strip_prefix(&stage) {
        Some(rest) => format!("/{rest}"),
        None => path.to_owned(),
    };
    (method.expect("a method").to_owned(), path)
}

fn context(time: Duration) -> Context {
    let mut context = Context::default();
    REQUEST_ID.clone_into(&mut context.request_id);
    context.xray_trace_id = Some(TRACE_ID.to_owned());
    let deadline = SystemTime::now() + time;
    let since_1970 = deadline.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    context.deadline = u64::try_from(since_1970.as_millis()).unwrap();
    context
}
