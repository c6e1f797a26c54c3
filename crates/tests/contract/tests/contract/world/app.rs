//! The functions under one configuration, each made when it is first called.

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
use slipway_save_metadata::SaveMetadata;
use tokio::sync::OnceCell;

use super::router::{Route, route};
use super::{Answer, Variables};
use crate::event::Event;
use crate::spec;

/// The request id that every call carries.
pub(crate) const REQUEST_ID: &str = "6bc28136-8f1c-4c36-9f3a-2d1f3c5a7e90";

/// The trace that every call belongs to.
pub(crate) const TRACE_ID: &str =
    "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1";

/// Functions that share a configuration, and nothing else: as in Lambda, each has its own connections.
pub(crate) struct App {
    pub(crate) env: Variables,
    pub(crate) http: reqwest::Client,
    /// What Lambda gives each call.
    time: Duration,
    identity: Identity,
    presign: OnceCell<Presign>,
    presign_quota: OnceCell<PresignQuota>,
    save_metadata: OnceCell<SaveMetadata>,
    files: OnceCell<Files>,
    delete: OnceCell<Delete>,
    multipart: OnceCell<Multipart>,
    record_upload: OnceCell<RecordUpload>,
}

impl App {
    pub(crate) fn new(env: Variables) -> Self {
        slipway_testkit::listen();
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
            delete: OnceCell::new(),
            multipart: OnceCell::new(),
            record_upload: OnceCell::new(),
            env,
        }
    }

    /// The same, as functions that Lambda gives only so much time.
    pub(crate) fn within(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// `user`'s request, with a good token.
    pub(crate) async fn call(
        &self,
        user: &str,
        method: &str,
        target: &str,
        body: Option<Value>,
    ) -> Answer {
        let event = Event::new(method, target).by(user);
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

    pub(crate) async fn delete(&self, user: &str, id: &str) -> Answer {
        self.call(user, "DELETE", &format!("/files/{id}"), None)
            .await
    }

    /// The answer to `event` by the function that the router names.
    pub(crate) async fn send(&self, event: Event) -> Answer {
        let (method, path) = target(&event);
        let route = route(&method, &path).unwrap_or_else(|| panic!("no route: {method} {path}"));
        self.send_by(route, event).await
    }

    /// The answer to `event` by the function of `route`, which the event does not name as the router would.
    pub(crate) async fn send_by(&self, route: &Route, event: Event) -> Answer {
        let answer = Box::pin(self.ask(&route.function, event)).await;
        spec::check(Some(route), &answer);
        answer
    }

    /// The answer to `event` by a function that would not get it: no path is ours, or nobody is calling.
    pub(crate) async fn send_stray(&self, function: &str, event: Event) -> Answer {
        let answer = Box::pin(self.ask(function, event)).await;
        spec::check(None, &answer);
        answer
    }

    async fn ask(&self, function: &str, event: Event) -> Answer {
        let env: &Environment = &self.env.clone().into_iter().collect();
        let quota = self.env.contains_key("USER_QUOTA_BYTES");
        match function {
            "presign" if quota => {
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

    async fn run(&self, function: &impl Function, event: &Event) -> Answer {
        let (event, context) = (to_raw_value(&event.0).unwrap(), context(self.time));
        // Boxed, since the compiler does not follow futures nested this deep.
        let answer = Box::pin(answer(function, &self.identity, &event, &context));
        Answer::of(&answer.await.expect("an answer"))
    }

    /// What `record-upload` answers to one event.
    pub(crate) async fn deliver(&self, event: Value) -> Result<Value, lambda_runtime::Error> {
        let env: Environment = self.env.clone().into_iter().collect();
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

/// Method and path of either kind of event, without the stage in front.
fn target(event: &Event) -> (String, String) {
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
