//! The functions of the matrix: their events, their dependencies, and the meaning of their
//! responses. A new function is an entry here.

use std::time::Duration;

use serde_json::{Value, json};
use slipway_core::FileId;
use slipway_emulators::lambda::InvocationResult;
use slipway_processes::{answer, request};

use crate::scene::{Scene, USER};

/// The timeout of the function on Lambda. The S3 client tries three times within three seconds, and
/// the response needs some of the rest.
const DEADLINE: Duration = Duration::from_secs(6);

/// `maintain` stops 5 s before its deadline.
const MAINTAIN_DEADLINE: Duration = Duration::from_secs(12);

/// `preview` stops 10 s before its deadline.
const PREVIEW_DEADLINE: Duration = Duration::from_secs(16);

/// `notify` claims no events later than 18 s before its deadline.
const NOTIFY_DEADLINE: Duration = Duration::from_secs(24);

/// A column of the matrix.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent property"
)]
pub(crate) struct FaultyFunction {
    pub(crate) name: &'static str,
    pub(crate) binary: &'static str,
    pub(crate) kind: CallerKind,
    /// Whether it uses Postgres.
    pub(crate) postgres: bool,
    /// Whether it uses S3.
    pub(crate) s3: bool,
    pub(crate) deadline: Duration,
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// The event that is sent during the fault.
    pub(crate) event: fn(&Scene) -> Value,
    /// The event that opens its connections before the fault.
    pub(crate) warm: fn(&Scene) -> Value,
    /// What it does to a file of the scene.
    pub(crate) change: Change,
    /// Whether it changes something in S3.
    pub(crate) writes: bool,
    /// Its role in multipart uploads.
    pub(crate) uploads: Uploads,
    /// Whether it starts without a schema.
    pub(crate) migrates: bool,
}

/// The role of a function in multipart uploads. The scene has uploads unless it is `Nothing`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uploads {
    Nothing,
    Begins,
    Completes,
    EndsAbandoned,
}

/// What a function does to a file, apart from recording what it finds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Nothing,
    /// It gives `kept` another name.
    Renames,
    /// It deletes `doomed`.
    Deletes,
    /// It stores the scan result of `fresh`.
    Scans,
    /// It makes previews.
    Previews,
    /// It delivers the events of all changes.
    Notifies,
}

/// The caller of a function, which decides how failures are reported.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallerKind {
    /// A client receives a status and JSON, as in `openapi.yaml`.
    Http,
    /// SQS receives the ids of the messages that failed.
    Sqs,
    /// Lambda delivers the event again after an error.
    Event,
}

/// The meaning of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The request succeeded.
    Done(String),
    /// The request was refused with an expected code. The client retries it.
    Refused(String),
    /// The response is not allowed.
    Wrong(String),
}

const PRESIGN: FaultyFunction = FaultyFunction {
    name: "presign",
    binary: "presign",
    kind: CallerKind::Http,
    postgres: false,
    s3: false,
    deadline: DEADLINE,
    settings: &[],
    event: presign,
    warm: presign,
    change: Change::Nothing,
    writes: false,
    uploads: Uploads::Nothing,
    migrates: false,
};

const DELETE: FaultyFunction = FaultyFunction {
    name: "delete",
    binary: "delete",
    postgres: true,
    s3: true,
    event: |scene| call("DELETE", &format!("/files/{}", scene.doomed.id()), None),
    warm: |_| call("DELETE", &format!("/files/{}", FileId::new()), None),
    change: Change::Deletes,
    writes: true,
    ..PRESIGN
};

const RECORD_UPLOAD: FaultyFunction = FaultyFunction {
    name: "record-upload, direct",
    binary: "record-upload",
    kind: CallerKind::Event,
    postgres: true,
    s3: true,
    event: |scene| Scene::notification(&scene.unrecorded()),
    warm: |scene| Scene::notification(&[&scene.kept]),
    writes: true,
    ..PRESIGN
};

const MULTIPART: FaultyFunction = FaultyFunction {
    name: "multipart, create",
    binary: "multipart",
    postgres: true,
    s3: true,
    event: |_| create_upload(),
    warm: |scene| call("GET", &upload_path(scene), None),
    writes: true,
    uploads: Uploads::Begins,
    ..PRESIGN
};

/// All functions, in the order of the columns.
pub(crate) const FUNCTIONS: &[FaultyFunction] = &[
    PRESIGN,
    FaultyFunction {
        name: "presign-quota",
        binary: "presign-quota",
        postgres: true,
        settings: &[("USER_QUOTA_BYTES", "1000000")],
        ..PRESIGN
    },
    FaultyFunction {
        name: "save-metadata",
        binary: "save-metadata",
        postgres: true,
        s3: true,
        event: |scene| save(scene.fresh.key.as_str()),
        warm: |scene| save(scene.kept.key.as_str()),
        ..PRESIGN
    },
    FaultyFunction {
        name: "save-metadata, many",
        binary: "save-metadata",
        postgres: true,
        s3: true,
        event: |scene| save_many(&[scene.fresh.key.as_str(), scene.kept.key.as_str()]),
        warm: |scene| save_many(&[scene.kept.key.as_str()]),
        ..PRESIGN
    },
    FaultyFunction {
        name: "files",
        binary: "files",
        postgres: true,
        event: |_| call("GET", "/files", None),
        warm: |_| call("GET", "/usage", None),
        ..PRESIGN
    },
    FaultyFunction {
        name: "rename",
        binary: "rename",
        postgres: true,
        s3: true,
        event: |scene| rename(&scene.kept.id(), "renamed.txt"),
        // It has this name already, so nothing is copied.
        warm: |scene| rename(&scene.kept.id(), "a.txt"),
        change: Change::Renames,
        writes: true,
        ..PRESIGN
    },
    DELETE,
    FaultyFunction {
        name: "delete, many",
        event: |scene| delete_many(&[scene.doomed.id()]),
        warm: |_| delete_many(&[FileId::new().to_string()]),
        ..DELETE
    },
    MULTIPART,
    FaultyFunction {
        name: "multipart, complete",
        event: |scene| call("POST", &format!("{}/complete", upload_path(scene)), None),
        uploads: Uploads::Completes,
        ..MULTIPART
    },
    RECORD_UPLOAD,
    FaultyFunction {
        name: "record-upload, SQS",
        kind: CallerKind::Sqs,
        event: |scene| Scene::messages(&scene.unrecorded()),
        warm: |scene| Scene::messages(&[&scene.kept]),
        ..RECORD_UPLOAD
    },
    FaultyFunction {
        name: "record-upload, scan",
        event: |scene| scene.scan.clone(),
        change: Change::Scans,
        ..RECORD_UPLOAD
    },
    FaultyFunction {
        name: "preview",
        binary: "preview",
        kind: CallerKind::Sqs,
        deadline: PREVIEW_DEADLINE,
        settings: &[("PREVIEWS", "true")],
        event: |scene| Scene::messages(&scene.pictures()),
        warm: |scene| Scene::messages(&[&scene.doomed]),
        change: Change::Previews,
        ..RECORD_UPLOAD
    },
    FaultyFunction {
        name: "notify",
        binary: "notify",
        kind: CallerKind::Sqs,
        postgres: true,
        deadline: NOTIFY_DEADLINE,
        // Its queue has the messages.
        event: |_| json!({}),
        warm: |_| json!({}),
        change: Change::Notifies,
        ..PRESIGN
    },
    FaultyFunction {
        name: "maintain",
        binary: "maintain-function",
        kind: CallerKind::Event,
        postgres: true,
        s3: true,
        deadline: MAINTAIN_DEADLINE,
        event: |_| json!({ "force": true }),
        warm: |_| json!({ "force": true, "dryRun": true }),
        writes: true,
        uploads: Uploads::EndsAbandoned,
        ..PRESIGN
    },
    FaultyFunction {
        name: "migrate",
        binary: "migrate",
        kind: CallerKind::Event,
        postgres: true,
        event: |_| json!({}),
        warm: |_| json!({}),
        migrates: true,
        ..PRESIGN
    },
];

impl FaultyFunction {
    /// Whether it runs: all do unless `SLIPWAY_FAULTS` has names of columns, separated by commas.
    pub(crate) fn is_chosen(&self) -> bool {
        let chosen = std::env::var("SLIPWAY_FAULTS").unwrap_or_default();
        chosen.is_empty()
            || chosen
                .split(',')
                .any(|name| name == self.name.replace(", ", " "))
    }

    /// The meaning of `outcome`. A repeated delete of the same file gets a 404, which is correct.
    pub(crate) fn judge(&self, outcome: &InvocationResult, again: bool) -> Verdict {
        let reply = match outcome {
            InvocationResult::TimedOut => return Verdict::Wrong("hang".to_owned()),
            InvocationResult::Failed(error) => {
                let told = error["errorMessage"].as_str().unwrap_or_default();
                return match self.kind {
                    CallerKind::Event if !told.is_empty() => {
                        Verdict::Refused("redelivered".to_owned())
                    }
                    _ => Verdict::Wrong(format!("function error: {error}")),
                };
            }
            InvocationResult::Answered(reply) => reply,
        };
        match self.kind {
            CallerKind::Event => Verdict::Done("ok".to_owned()),
            CallerKind::Sqs => match reply["batchItemFailures"].as_array() {
                Some(failed) if failed.is_empty() => Verdict::Done("ok".to_owned()),
                Some(_) => Verdict::Refused("redelivered".to_owned()),
                None => Verdict::Wrong(reply.to_string()),
            },
            CallerKind::Http => self.judge_http(reply, again),
        }
    }

    fn judge_http(&self, reply: &Value, again: bool) -> Verdict {
        let (status, body) = answer(reply);
        let code = body["code"].as_str().unwrap_or_default();
        let told = |name: &str| body[name].as_str().is_some_and(|text| !text.is_empty());
        let refused = body["success"] == false && told("error");
        let mut results = body["results"].as_array().into_iter().flatten();
        let failed = results.find_map(|result| result["code"].as_str());
        match (status, failed.unwrap_or(code)) {
            // A fault of S3 is the result of its key alone.
            (200, code @ ("unavailable" | "timeout")) => {
                Verdict::Refused(format!("200 with {code}"))
            }
            (200 | 201, "") if body["success"] == true => Verdict::Done("ok".to_owned()),
            // S3 continues to complete the upload.
            (202, "") if self.uploads == Uploads::Completes && body["status"] == "completing" => {
                Verdict::Refused("202 completing".to_owned())
            }
            (404, "not_found") if refused && self.change == Change::Deletes && again => {
                Verdict::Done("ok".to_owned())
            }
            (500, "internal") | (503, "unavailable") | (504, "timeout")
                if refused && told("requestId") =>
            {
                Verdict::Refused(format!("{status} {code}"))
            }
            _ => Verdict::Wrong(format!("{status} {body}")),
        }
    }
}

fn call(method: &str, path: &str, body: Option<&Value>) -> Value {
    request(USER, method, path, body)
}

fn presign(_: &Scene) -> Value {
    let file = json!({ "fileName": "a.txt", "contentType": "text/plain", "size": 5 });
    call("POST", "/presign-upload", Some(&file))
}

/// Small: S3 allows the last part to be of any size.
fn create_upload() -> Value {
    let file = json!({ "fileName": "a.txt", "contentType": "text/plain", "size": 5 });
    call("POST", "/multipart-uploads", Some(&file))
}

fn upload_path(scene: &Scene) -> String {
    let uploads = scene.uploads.as_ref().expect("this scene has uploads");
    format!("/multipart-uploads/{}", uploads.open.key.id())
}

fn save(key: &str) -> Value {
    let body = json!({ "objectKey": key });
    call("POST", "/save-metadata", Some(&body))
}

fn save_many(keys: &[&str]) -> Value {
    let body = json!({ "objectKeys": keys });
    call("POST", "/save-metadata", Some(&body))
}

fn rename(id: &str, name: &str) -> Value {
    let body = json!({ "fileName": name });
    call("PATCH", &format!("/files/{id}"), Some(&body))
}

fn delete_many(ids: &[String]) -> Value {
    call("POST", "/files/delete", Some(&json!({ "ids": ids })))
}
