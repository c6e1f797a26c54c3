//! The functions: what each is given, what it needs, and what an answer of it means. A new function is an entry here.

use std::time::Duration;

use serde_json::{Value, json};
use slipway_core::FileId;
use slipway_emulators::lambda::Outcome;
use slipway_processes::{answer, request};

use crate::scene::{Scene, USER};

/// What Lambda would give. S3's client tries three times in three seconds, and some of it is kept for the answer.
const DEADLINE: Duration = Duration::from_secs(6);

/// `maintain` stops 5 s before its deadline.
const MAINTAIN_DEADLINE: Duration = Duration::from_secs(12);

/// One column.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) binary: &'static str,
    pub(crate) kind: Kind,
    /// Whether it asks Postgres.
    pub(crate) postgres: bool,
    /// Whether it asks S3.
    pub(crate) s3: bool,
    pub(crate) deadline: Duration,
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// What meets the fault.
    pub(crate) event: fn(&Scene) -> Value,
    /// What makes its connections before.
    pub(crate) warm: fn(&Scene) -> Value,
    /// Whether it deletes the doomed file.
    pub(crate) deletes: bool,
    /// Whether it asks S3 to change something.
    pub(crate) writes: bool,
    /// What it has to do with multipart uploads.
    pub(crate) uploads: Uploads,
    /// Whether it begins without a schema.
    pub(crate) migrates: bool,
}

/// What a function has to do with multipart uploads. Where it is something, the scene has some.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Uploads {
    Nothing,
    Begins,
    Completes,
    EndsAbandoned,
}

/// Who calls it, and so how it tells what became of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A client: by a status and JSON, as in `openapi.yaml`.
    Http,
    /// SQS: by the messages that failed.
    Sqs,
    /// Lambda, which delivers again upon an error.
    Event,
}

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is done.
    Done(String),
    /// It was refused as agreed: to be tried again.
    Refused(String),
    /// Nobody agreed to that.
    Wrong(String),
}

const PRESIGN: Function = Function {
    name: "presign",
    binary: "presign",
    kind: Kind::Http,
    postgres: false,
    s3: false,
    deadline: DEADLINE,
    settings: &[],
    event: presign,
    warm: presign,
    deletes: false,
    writes: false,
    uploads: Uploads::Nothing,
    migrates: false,
};

const DELETE: Function = Function {
    name: "delete",
    binary: "delete",
    postgres: true,
    s3: true,
    event: |scene| call("DELETE", &format!("/files/{}", scene.doomed.id()), None),
    warm: |_| call("DELETE", &format!("/files/{}", FileId::new()), None),
    deletes: true,
    writes: true,
    ..PRESIGN
};

const RECORD_UPLOAD: Function = Function {
    name: "record-upload, direct",
    binary: "record-upload",
    kind: Kind::Event,
    postgres: true,
    s3: true,
    event: |scene| Scene::notification(&[&scene.fresh, &scene.removed]),
    warm: |scene| Scene::notification(&[&scene.kept]),
    writes: true,
    ..PRESIGN
};

const MULTIPART: Function = Function {
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

/// All of them, in the order of the columns.
pub(crate) const FUNCTIONS: &[Function] = &[
    PRESIGN,
    Function {
        name: "presign-quota",
        binary: "presign-quota",
        postgres: true,
        settings: &[("USER_QUOTA_BYTES", "1000000")],
        ..PRESIGN
    },
    Function {
        name: "save-metadata",
        binary: "save-metadata",
        postgres: true,
        s3: true,
        event: |scene| save(scene.fresh.key.as_str()),
        warm: |scene| save(scene.kept.key.as_str()),
        ..PRESIGN
    },
    Function {
        name: "files",
        binary: "files",
        postgres: true,
        event: |_| call("GET", "/files", None),
        warm: |_| call("GET", "/usage", None),
        ..PRESIGN
    },
    DELETE,
    Function {
        name: "delete, many",
        event: |scene| delete_many(&[scene.doomed.id()]),
        warm: |_| delete_many(&[FileId::new().to_string()]),
        ..DELETE
    },
    MULTIPART,
    Function {
        name: "multipart, complete",
        event: |scene| call("POST", &format!("{}/complete", upload_path(scene)), None),
        uploads: Uploads::Completes,
        ..MULTIPART
    },
    RECORD_UPLOAD,
    Function {
        name: "record-upload, SQS",
        kind: Kind::Sqs,
        event: |scene| Scene::messages(&[&scene.fresh, &scene.removed]),
        warm: |scene| Scene::messages(&[&scene.kept]),
        ..RECORD_UPLOAD
    },
    Function {
        name: "maintain",
        binary: "maintain-function",
        kind: Kind::Event,
        postgres: true,
        s3: true,
        deadline: MAINTAIN_DEADLINE,
        event: |_| json!({ "force": true }),
        warm: |_| json!({ "force": true, "dryRun": true }),
        writes: true,
        uploads: Uploads::EndsAbandoned,
        ..PRESIGN
    },
    Function {
        name: "migrate",
        binary: "migrate",
        kind: Kind::Event,
        postgres: true,
        event: |_| json!({}),
        warm: |_| json!({}),
        migrates: true,
        ..PRESIGN
    },
];

impl Function {
    /// What `outcome` means. Who deletes again what was deleted before is told that it is not there, which is right.
    pub(crate) fn judge(&self, outcome: &Outcome, again: bool) -> Verdict {
        let reply = match outcome {
            Outcome::TimedOut => return Verdict::Wrong("hang".to_owned()),
            Outcome::Failed(error) => {
                let told = error["errorMessage"].as_str().unwrap_or_default();
                return match self.kind {
                    Kind::Event if !told.is_empty() => Verdict::Refused("redelivered".to_owned()),
                    _ => Verdict::Wrong(format!("function error: {error}")),
                };
            }
            Outcome::Answered(reply) => reply,
        };
        match self.kind {
            Kind::Event => Verdict::Done("ok".to_owned()),
            Kind::Sqs => match reply["batchItemFailures"].as_array() {
                Some(failed) if failed.is_empty() => Verdict::Done("ok".to_owned()),
                Some(_) => Verdict::Refused("redelivered".to_owned()),
                None => Verdict::Wrong(reply.to_string()),
            },
            Kind::Http => self.judge_http(reply, again),
        }
    }

    fn judge_http(&self, reply: &Value, again: bool) -> Verdict {
        let (status, body) = answer(reply);
        let code = body["code"].as_str().unwrap_or_default();
        let told = |name: &str| body[name].as_str().is_some_and(|text| !text.is_empty());
        let refused = body["success"] == false && told("error");
        match (status, code) {
            (200 | 201, "") if body["success"] == true => Verdict::Done("ok".to_owned()),
            // S3 goes on with it.
            (202, "") if self.uploads == Uploads::Completes && body["status"] == "completing" => {
                Verdict::Refused("202 completing".to_owned())
            }
            (404, "not_found") if refused && self.deletes && again => {
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

/// Small, for S3 lets the only part be.
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

fn delete_many(ids: &[String]) -> Value {
    call("POST", "/files/delete", Some(&json!({ "ids": ids })))
}
