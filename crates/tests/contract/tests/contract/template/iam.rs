//! Each function may do what its code does, and nothing else: every action in the template is traced to a call.
//!
//! `docs/iam.md` is the trace without line numbers. `SLIPWAY_WRITE=1 cargo test --workspace --test contract permission -- --nocapture`
//! writes it anew, and prints the trace with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};
use slipway_core::{FileId, FileName, ObjectKey, UserId};

use super::calls::{Step, reached};
use super::{Function, functions, template};
use crate::rules::depends;
use crate::spec::{read, root};

/// What each operation of S3 needs. A call that is not here fails the test.
const CALLS: [(&str, &str); 10] = [
    ("abort_multipart_upload", "s3:AbortMultipartUpload"),
    ("complete_multipart_upload", "s3:PutObject"),
    ("create_multipart_upload", "s3:PutObject"),
    ("delete_object", "s3:DeleteObject"),
    ("delete_objects", "s3:DeleteObject"),
    ("get_object", "s3:GetObject"),
    ("head_object", "s3:GetObject"),
    ("list_multipart_uploads", "s3:ListBucketMultipartUploads"),
    ("list_objects_v2", "s3:ListBucket"),
    ("list_parts", "s3:ListMultipartUploadParts"),
];

/// What is only signed here, and done by who is given the URL.
const SIGNED: [(&str, &str); 2] = [
    ("UploadUrls::from_env", "s3:PutObject"),
    ("ReadUrls::from_env", "s3:GetObject"),
];

/// Our keys, and nobody else's: what is below an owner and an id.
const OUR_KEYS: &str = "${Bucket.Arn}/*/????????-????-????-????-????????????/*";

/// An action, and why: the ways to the calls that need it.
type Reasons = BTreeMap<&'static str, Vec<(String, Vec<Step>)>>;

fn reasons(package: &str) -> Reasons {
    let mut reasons = Reasons::new();
    for (call, way) in reached(package) {
        let known = CALLS.iter().chain(&SIGNED).find(|(name, _)| *name == call);
        let (_, action) = known.unwrap_or_else(|| panic!("{package} calls {call}, which needs?"));
        let why = if SIGNED.iter().any(|(name, _)| *name == call) {
            format!("signed by `{call}`")
        } else {
            format!("`{call}`")
        };
        // Without it S3 answers 403 for an object that is not there, which is never taken for "missing".
        if ["head_object", "get_object"].contains(&call.as_str()) {
            let listed = reasons.entry("s3:ListBucket").or_default();
            let missing = format!("so that `{call}` answers 404 for a missing object");
            listed.push((missing, way.clone()));
        }
        reasons.entry(action).or_default().push((why, way));
    }
    reasons
}

/// The statements of a function's own policy, whatever its conditions.
fn statements(function: &Function) -> Vec<&'static Value> {
    let role = function.properties["Role"]["Fn::GetAtt"]
        .as_str()
        .expect("a role");
    let role = &template()["Resources"][role.trim_end_matches(".Arn")]["Properties"];
    let policies = role["Policies"].as_array().expect("policies");
    assert_eq!(policies.len(), 1, "{}", function.package);
    let statements = policies[0]["PolicyDocument"]["Statement"].as_array();
    statements
        .expect("statements")
        .iter()
        .map(|statement| match statement.get("Fn::If") {
            Some(choice) => {
                assert_eq!(choice[2], json!({ "Ref": "AWS::NoValue" }));
                &choice[1]
            }
            None => statement,
        })
        .inspect(|statement| assert_eq!(statement["Effect"], "Allow"))
        .collect()
}

fn actions(statement: &'static Value) -> Vec<&'static str> {
    match &statement["Action"] {
        Value::String(action) => vec![action],
        several => several
            .as_array()
            .expect("actions")
            .iter()
            .filter_map(Value::as_str)
            .collect(),
    }
}

#[test]
fn permissions_are_what_the_code_calls() {
    for function in functions() {
        let package = function.package;
        let reasons = reasons(package);
        let allowed: Vec<_> = statements(&function)
            .into_iter()
            .flat_map(|statement| {
                actions(statement)
                    .into_iter()
                    .map(move |action| (action, statement))
            })
            .collect();
        let of = |service: &str| -> BTreeSet<&str> {
            let names = allowed.iter().map(|(action, _)| *action);
            names.filter(|action| action.starts_with(service)).collect()
        };
        assert_eq!(of("s3:"), reasons.keys().copied().collect(), "{package}");
        for (action, statement) in &allowed {
            let bucket = json!({ "Fn::GetAtt": "Bucket.Arn" });
            match *action {
                "s3:ListBucket" | "s3:ListBucketMultipartUploads" => {
                    assert_eq!(statement["Resource"], bucket, "{package} {action}");
                }
                s3 if s3.starts_with("s3:") => {
                    assert_eq!(
                        statement["Resource"],
                        json!({ "Fn::Sub": OUR_KEYS }),
                        "{package} {s3}"
                    );
                }
                other => assert_ne!(statement["Resource"], "*", "{package} {other}"),
            }
        }
        // Of an encrypted object, with a key of somebody's.
        let writes = reasons.contains_key("s3:PutObject");
        let in_parts = reasons.contains_key("s3:ListMultipartUploadParts") && writes;
        let mut kms = BTreeSet::new();
        kms.extend(writes.then_some("kms:GenerateDataKey"));
        kms.extend((reasons.contains_key("s3:GetObject") || in_parts).then_some("kms:Decrypt"));
        assert_eq!(of("kms:"), kms, "{package}");
        assert_eq!(
            of("logs:"),
            ["logs:CreateLogStream", "logs:PutLogEvents"].into(),
            "{package}"
        );
        // Lambda's poller takes the messages in the function's name; the code itself calls no queue.
        let polled: BTreeSet<_> = match package {
            "record-upload" => [
                "sqs:DeleteMessage",
                "sqs:GetQueueAttributes",
                "sqs:ReceiveMessage",
            ]
            .into(),
            _ => BTreeSet::new(),
        };
        assert_eq!(of("sqs:"), polled, "{package}");
        let named = of("s3:").len() + of("kms:").len() + of("logs:").len() + of("sqs:").len();
        let all: BTreeSet<_> = allowed.iter().map(|(action, _)| action).collect();
        assert_eq!(named, all.len(), "{package}: {all:?}");
    }
}

/// What a role has beside its own policy: only those with a database reach into a VPC and ask for its secret.
#[test]
fn shared_permissions_are_for_who_has_a_database() {
    for function in functions() {
        let role = function.properties["Role"]["Fn::GetAtt"]
            .as_str()
            .expect("a role");
        let role = &template()["Resources"][role.trim_end_matches(".Arn")]["Properties"];
        let shared = |condition: &str, policy: &str| json!({ "Fn::If": [condition, { "Ref": policy }, { "Ref": "AWS::NoValue" }] });
        let mut expected = vec![shared("Traced", "TracePolicy")];
        if depends(function.package, "db") {
            assert!(depends(function.package, "secret"), "{}", function.package);
            expected.push(shared("InVpc", "NetworkPolicy"));
            expected.push(shared("AtInit", "SecretPolicy"));
        }
        assert_eq!(
            role["ManagedPolicyArns"],
            json!(expected),
            "{}",
            function.package
        );
    }
}

#[test]
fn permissions_reach_our_keys_alone() {
    let pattern = OUR_KEYS.trim_start_matches("${Bucket.Arn}/");
    let matches = |key: &str| wildcard(pattern.as_bytes(), key.as_bytes());
    for (user, name) in [("alice", "a.txt"), ("auth0|x/y", "Ü.png"), ("..", "x")] {
        let user = UserId::parse(user).expect("a user");
        let name = FileName::parse(name).expect("a name");
        let key = ObjectKey::new(user, FileId::new(), &name);
        assert!(matches(key.as_str()), "{key:?}");
    }
    for other in [
        "a.txt",
        "alice/a.txt",
        "backup/2026/dump.sql",
        "alice/01890a5d-ac96-774b-bcce/x",
    ] {
        assert!(!matches(other), "{other}");
    }
}

/// As IAM matches: `*` any characters, `?` one.
fn wildcard(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|at| wildcard(rest, &text[at..])),
        Some((b'?', rest)) => !text.is_empty() && wildcard(rest, &text[1..]),
        Some((byte, rest)) => text.first() == Some(byte) && wildcard(rest, &text[1..]),
    }
}

const INTRODUCTION: &str = "\
# Permissions of the functions

This page lists every action that `template.yaml` allows a function on the bucket, with the shortest
path from the function's code to the call that needs it. A test keeps both equal. The following
command writes this page, and prints the same with line numbers:

    SLIPWAY_WRITE=1 cargo test --workspace --test contract permission -- --nocapture

Two kinds of actions have no call. Some are only *signed*, and executed by the holder of the URL.
`s3:ListBucket` is needed because S3 otherwise answers 403, not 404, for an object that does not
exist. Actions on objects are limited to keys of Slipway (`{owner}/{id}/{name}`). Versioning needs
no more permissions: the functions name no version, and the lifecycle expires old ones. With a KMS
key, functions that write may `kms:GenerateDataKey`, and functions that read may `kms:Decrypt`. Each
function may write its own log. `record-upload` lets Lambda's poller receive messages from the
queue. No function may tag objects.

| function | action | why | path |
|---|---|---|---|
";

#[test]
fn permissions_are_traced_in_the_docs() {
    let mut page = INTRODUCTION.to_owned();
    for function in functions() {
        for (action, ways) in reasons(function.package) {
            for (why, way) in ways {
                let short: Vec<_> = way
                    .iter()
                    .map(|step| format!("`{}` {}", step.file, step.call))
                    .collect();
                let lines: Vec<_> = way
                    .iter()
                    .map(|step| format!("{}:{} {}", step.file, step.line, step.call))
                    .collect();
                let package = function.package;
                println!("{package}\t{action}\t{why}\t{}", lines.join(" → "));
                let way = short.join(" → ");
                writeln!(page, "| `{package}` | `{action}` | {why} | {way} |").expect("a line");
            }
        }
    }
    if std::env::var_os("SLIPWAY_WRITE").is_some() {
        std::fs::write(root().join("docs/iam.md"), &page).expect("docs/iam.md");
    }
    assert_eq!(
        read("docs/iam.md"),
        page,
        "docs/iam.md is out of date; its first lines have the command that rewrites it"
    );
}
