//! The parts of each role that the local S3 cannot check: grants of other services, and the granted
//! keys. `grants.rs` proves that the S3 actions are correct.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use slipway_core::{FileId, FileName, ObjectKey, UserId};
use slipway_emulators::s3::{Decision, PolicyRequest, Role, Signed, Tags};

use super::{Function, functions, template};
use crate::rules::depends;

/// The statements of a function's own policy, whatever their conditions.
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

/// The granted actions of one service.
fn of_service(allowed: &BTreeSet<&'static str>, service: &str) -> BTreeSet<&'static str> {
    let names = allowed.iter().copied();
    names.filter(|action| action.starts_with(service)).collect()
}

#[test]
fn grants_of_other_services_are_those_that_are_needed() {
    for function in functions() {
        let package = function.package;
        let statements = statements(&function);
        let allowed = statements.iter().flat_map(|statement| actions(statement));
        let allowed: BTreeSet<&str> = allowed.collect();
        // For an object that is encrypted with a KMS key. Completing an upload decrypts the parts.
        let s3 = of_service(&allowed, "s3:");
        let writes = s3.contains("s3:PutObject");
        let in_parts = writes && s3.contains("s3:ListMultipartUploadParts");
        let mut kms = BTreeSet::new();
        kms.extend(writes.then_some("kms:GenerateDataKey"));
        kms.extend((s3.contains("s3:GetObject") || in_parts).then_some("kms:Decrypt"));
        let logs = ["logs:CreateLogStream", "logs:PutLogEvents"].into();
        // Lambda's poller receives the messages with the function's role. Only `notify` itself uses
        // its queue: it sends messages to it.
        let polled = [
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:ReceiveMessage",
        ];
        let mut sqs = BTreeSet::new();
        sqs.extend(
            polled
                .iter()
                .filter(|_| ["notify", "preview", "record-upload"].contains(&package)),
        );
        sqs.extend((package == "notify").then_some("sqs:SendMessage"));
        let mut expected = s3;
        for (service, needed) in [("kms:", kms), ("logs:", logs), ("sqs:", sqs)] {
            assert_eq!(of_service(&allowed, service), needed, "{package}");
            expected.extend(needed);
        }
        assert_eq!(allowed, expected, "{package}");
        for statement in statements {
            assert_ne!(statement["Resource"], "*", "{package}");
        }
    }
}

/// The policies of a role in addition to its own. Each function decrypts its environment. Only
/// functions with a database need a VPC and its secret.
#[test]
fn shared_permissions_are_for_who_has_a_database() {
    for function in functions() {
        let role = function.properties["Role"]["Fn::GetAtt"]
            .as_str()
            .expect("a role");
        let role = &template()["Resources"][role.trim_end_matches(".Arn")]["Properties"];
        let shared = |condition: &str, policy: &str| json!({ "Fn::If": [condition, { "Ref": policy }, { "Ref": "AWS::NoValue" }] });
        let mut expected = vec![
            json!({ "Ref": "EnvironmentPolicy" }),
            shared("Traced", "TracePolicy"),
        ];
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

/// Actions on objects are granted only for our keys.
#[test]
fn permissions_reach_our_keys_alone() {
    let ours = [("alice", "a.txt"), ("auth0|x/y", "Ü.png"), ("..", "x")].map(|(user, name)| {
        let user = UserId::parse(user).expect("a user");
        let name = FileName::parse(name).expect("a name");
        ObjectKey::new(user, FileId::new(), &name)
    });
    let others = [
        "a.txt",
        "alice/a.txt",
        "backup/2026/dump.sql",
        "alice/01890a5d-ac96-774b-bcce/x",
    ];
    let mut checked = 0;
    for role in Role::ours("bucket", &[]).expect("roles") {
        for (action, _) in role.document.grants() {
            let allows = |resource: &str| {
                let decision = role.document.decide(&PolicyRequest {
                    action,
                    resource,
                    signed: Signed::default(),
                    tags: &Tags::new(),
                });
                decision == Decision::Allowed
            };
            let function = &role.function;
            let bucket = ["s3:ListBucket", "s3:ListBucketMultipartUploads"].contains(&action);
            assert_eq!(allows("arn:aws:s3:::bucket"), bucket, "{function} {action}");
            let object = |key: &str| allows(&format!("arn:aws:s3:::bucket/{key}"));
            // Only previews are written by `preview`, next to the files that it reads.
            let is_of_preview =
                function == "preview" && ["s3:DeleteObject", "s3:PutObject"].contains(&action);
            for key in &ours {
                let expected = !bucket && !is_of_preview;
                assert_eq!(
                    object(key.as_str()),
                    expected,
                    "{function} {action} {key:?}"
                );
                let preview = key.preview();
                assert_eq!(object(preview.as_str()), !bucket, "{function} {action}");
            }
            for key in others {
                assert!(!object(key), "{function} {action} {key}");
            }
            assert!(!allows("arn:aws:s3:::other"), "{function} {action}");
            checked += 1;
        }
    }
    assert!(checked > 0);
}
