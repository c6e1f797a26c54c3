//! `presign` as it is deployed, behind an API Gateway that has verified the caller.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use slipway_emulators::lambda::{InvocationResult, Lambda};
use slipway_processes::{answer, environment, request};

use crate::callgrind::{Counted, is_installed};
use crate::sizes::built;
use crate::within;

/// Instructions from the start to the first response. Measured: 846,334.
const COLD: u64 = 870_000;
/// Instructions of each further response. Measured: 273,785. It was less than 270,000 before log
/// lines were written within a span that adds the invocation to every line.
const WARM: u64 = 282_000;
/// Instructions of each further URL of a batch.
const OF_BATCH: u64 = 130_000;

/// Valgrind slows a program down about fifty times, and the machine may be busy.
pub(crate) const VALGRIND_TIMEOUT: Duration = Duration::from_mins(5);

/// The instructions of a process with `settings` that responds to `requests` and ends.
async fn instructions(settings: &[(&str, &str)], requests: &[Value]) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let program = built().join("PresignFunction/bootstrap");
    let program = program.canonicalize().expect("run `sam build` first");
    let counted = Counted::new(folder.path(), &program, "");
    let mut env = environment("", "");
    env.retain(|name, value| !value.is_empty() && !name.starts_with("JWT_"));
    let settings = settings.iter();
    env.extend(settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    // Every role has a session token.
    env.insert(
        "AWS_SESSION_TOKEN".to_owned(),
        "IQoJb3JpZ2luX2VjEJr".repeat(52),
    );
    let log = Some(folder.path().join("log"));
    let guard = slipway_testkit::guard();
    let lambda = Lambda::start_logging(guard, &counted.program, env, log).await;
    let mut lambda = lambda.expect("valgrind starts");
    for request in requests {
        let InvocationResult::Answered(said) = lambda
            .invoke_for(request, VALGRIND_TIMEOUT, VALGRIND_TIMEOUT)
            .await
        else {
            panic!("no answer")
        };
        let (status, body) = answer(&said);
        assert_eq!(status, 200, "{body}");
    }
    // The response is written. The work until the next poll is the same each time.
    lambda.ready().await;
    end(&mut lambda).await;
    counted.instructions()
}

/// Ends the process so that valgrind writes its count.
pub(crate) async fn end(lambda: &mut Lambda) {
    let pid = lambda.pid().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, Signal::TERM).expect("it runs");
    let until = Instant::now() + VALGRIND_TIMEOUT;
    while !lambda.has_ended().expect("its state") {
        assert!(Instant::now() < until, "it does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A request as an HTTP API sends it after it has verified the token.
fn presign_request(files: u16) -> Value {
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
async fn presign_stays_within_its_instruction_budgets() {
    if !is_installed() {
        return;
    }
    let one = instructions(&[], &[presign_request(1)]).await;
    within("instructions of a start and its first answer", one, COLD);

    let few = instructions(&[], &vec![presign_request(1); 100]).await;
    let many = instructions(&[], &vec![presign_request(1); 1100]).await;
    within("instructions of an answer", (many - few) / 1000, WARM);

    let batches = instructions(&[], &vec![presign_request(100); 11]).await;
    let batch = instructions(&[], &[presign_request(100)]).await;
    within(
        "instructions of a URL in a batch of 100",
        (batches - batch) / 1000,
        OF_BATCH,
    );
}

/// The additional instructions of an answer to a request with a rule and 100 bytes of metadata, in
/// percent of those without.
const DESCRIBED_PERCENT: u64 = 10;

/// Both are checked, and signed as two more query parameters.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_and_metadata_cost_at_most_a_tenth_more() {
    if !is_installed() {
        return;
    }
    let rules = r#"{"avatar": {"contentTypes": ["image/*"], "maxBytes": 2000000}, "default": {}}"#;
    let mut described = presign_request(1);
    let body = described["body"].as_str().expect("a body");
    let mut body: Value = serde_json::from_str(body).expect("JSON");
    let metadata = json!({ "album": "Summer 2026 in the mountains", "place": "Val d'Isère, 1850 m above the sea near the river" });
    assert_eq!(metadata.to_string().len(), 100);
    body["metadata"] = metadata;
    body["rule"] = json!("avatar");
    described["body"] = body.to_string().into();
    let each = async |settings: &[(&str, &str)], request: Value| {
        let few = instructions(settings, &vec![request.clone(); 100]).await;
        let many = instructions(settings, &vec![request; 600]).await;
        (many - few) / 500
    };
    let plain = each(&[], presign_request(1)).await;
    let described = each(&[("UPLOAD_RULES", rules)], described).await;
    within(
        "instructions of an answer with a rule and metadata",
        described,
        plain + plain * DESCRIBED_PERCENT / 100,
    );
}
