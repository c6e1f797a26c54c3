//! `presign` as it is deployed, behind an API Gateway that has verified the caller.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use slipway_emulators::lambda::{Lambda, Outcome};
use slipway_processes::{answer, environment, request};

use crate::callgrind::{Counted, is_here};
use crate::sizes::built;
use crate::within;

/// From the start to the first answer. Measured: 846,334.
const COLD: u64 = 870_000;
/// Each further answer. Measured: 273,785. Before lines were written within a span of their request, which names the
/// invocation in every line, it was less than 270,000.
const WARM: u64 = 282_000;
/// Each further URL of a batch.
const OF_BATCH: u64 = 130_000;

/// Valgrind is some fifty times slower, on a machine that is busy.
pub(crate) const PATIENCE: Duration = Duration::from_mins(5);

/// The instructions of a process that answers `requests`, and ends.
async fn instructions(requests: &[Value]) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let program = built().join("PresignFunction/bootstrap");
    let program = program.canonicalize().expect("run `sam build` first");
    let counted = Counted::new(folder.path(), &program, "");
    let mut env = environment("", "");
    env.retain(|name, value| !value.is_empty() && !name.starts_with("JWT_"));
    // As every role has one.
    env.insert(
        "AWS_SESSION_TOKEN".to_owned(),
        "IQoJb3JpZ2luX2VjEJr".repeat(52),
    );
    let log = Some(folder.path().join("log"));
    let guard = slipway_testkit::guard();
    let lambda = Lambda::start_logging(guard, &counted.program, env, log).await;
    let mut lambda = lambda.expect("valgrind starts");
    for request in requests {
        let Outcome::Answered(said) = lambda.invoke_for(request, PATIENCE, PATIENCE).await else {
            panic!("no answer")
        };
        let (status, body) = answer(&said);
        assert_eq!(status, 200, "{body}");
    }
    // Its last answer is written; what it does until it asks for more is the same every time.
    lambda.ready().await;
    end(&mut lambda).await;
    counted.instructions()
}

/// Ends it so that valgrind writes what it has counted.
pub(crate) async fn end(lambda: &mut Lambda) {
    let pid = lambda.pid().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, Signal::TERM).expect("it runs");
    let until = Instant::now() + PATIENCE;
    while !lambda.has_ended().expect("its state") {
        assert!(Instant::now() < until, "it does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// As an HTTP API sends it that has verified the token.
fn ask(files: u16) -> Value {
    let file = json!({ "fileName": "Holiday 2026-08-14 (12).jpg", "contentType": "image/jpeg", "size": 1_234_567 });
    let body = match files {
        1 => file,
        files => json!({ "files": vec![file; files.into()] }),
    };
    let mut request = request("anna", "POST", "/presign-upload", Some(&body));
    let claims = json!({ "sub": "auth0|65f1c2d3e4a5b6c7d8e9f0a1", "iss": "https://issuer" });
    request["requestContext"]["authorizer"] =
        json!({ "jwt": { "claims": claims, "scopes": null } });
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn presign_takes_no_more_instructions_than_it_did() {
    if !is_here() {
        return;
    }
    let one = instructions(&[ask(1)]).await;
    within("instructions of a start and its first answer", one, COLD);

    let few = instructions(&vec![ask(1); 100]).await;
    let many = instructions(&vec![ask(1); 1100]).await;
    within("instructions of an answer", (many - few) / 1000, WARM);

    let batches = instructions(&vec![ask(100); 11]).await;
    let batch = instructions(&[ask(100)]).await;
    within(
        "instructions of a URL in a batch of 100",
        (batches - batch) / 1000,
        OF_BATCH,
    );
}
