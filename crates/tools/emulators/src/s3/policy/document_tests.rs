//! Policy documents: decisions as on AWS, and documents that are refused.

use serde_json::{Value, json};

use super::super::AuthType;
use super::*;

fn document(statements: &Value) -> Result<Document, PolicyError> {
    Document::parse(&json!({ "Version": "2012-10-17", "Statement": statements }))
}

/// Denies reads by URL of objects that are not tagged as clean, as the template does.
fn gate() -> Document {
    document(&json!([{
        "Sid": "Gate", "Effect": "Deny", "Principal": "*", "Action": "s3:GetObject",
        "NotResource": "arn:aws:s3:::b/*/!preview",
        "Condition": {
            "StringEquals": { "s3:authType": "REST-QUERY-STRING" },
            "StringNotEquals": { "s3:ExistingObjectTag/Scan": "CLEAN" },
        },
    }]))
    .expect("a document")
}

fn tags(value: Option<&str>) -> Tags {
    value
        .map(|value| ("Scan".to_owned(), value.to_owned()))
        .into_iter()
        .collect()
}

#[test]
fn a_tag_that_is_absent_is_not_equal() {
    let denied = Decision::Denied("Gate".to_owned());
    for (action, key, auth_type, tag, expected) in [
        (
            "s3:GetObject",
            "a/1/f",
            Some(AuthType::Query),
            Some("CLEAN"),
            &Decision::Silent,
        ),
        (
            "s3:GetObject",
            "a/1/f",
            Some(AuthType::Query),
            Some("THREAT"),
            &denied,
        ),
        (
            "s3:GetObject",
            "a/1/f",
            Some(AuthType::Query),
            Some("clean"),
            &denied,
        ),
        (
            "s3:GetObject",
            "a/1/f",
            Some(AuthType::Query),
            None,
            &denied,
        ),
        (
            "s3:getobject",
            "a/1/f",
            Some(AuthType::Query),
            None,
            &denied,
        ),
        (
            "s3:GetObject",
            "a/1/f",
            Some(AuthType::Header),
            None,
            &Decision::Silent,
        ),
        ("s3:GetObject", "a/1/f", None, None, &Decision::Silent),
        (
            "s3:PutObject",
            "a/1/f",
            Some(AuthType::Query),
            None,
            &Decision::Silent,
        ),
        (
            "s3:GetObject",
            "a/1/!preview",
            Some(AuthType::Query),
            None,
            &Decision::Silent,
        ),
        (
            "s3:GetObject",
            "a/1/!previews",
            Some(AuthType::Query),
            None,
            &denied,
        ),
    ] {
        let request = Request {
            action,
            resource: &format!("arn:aws:s3:::b/{key}"),
            signed: Signed {
                auth_type,
                age: Some(0),
            },
            tags: &tags(tag),
        };
        assert_eq!(gate().decide(&request), *expected, "{request:?}");
    }
}

#[test]
fn signature_age_transport_and_allow_statements() {
    let document = document(&json!([
        { "Sid": "Old", "Effect": "Deny", "Principal": "*", "Action": ["s3:Put*"], "Resource": "*",
          "Condition": { "NumericGreaterThan": { "s3:signatureAge": "300000" } } },
        { "Sid": "Plain", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*",
          "Condition": { "Bool": { "aws:SecureTransport": "false" } } },
        { "Effect": "Allow", "Action": "s3:PutObject", "Resource": ["arn:aws:s3:::b/*"] },
    ]))
    .expect("a document");
    let decide = |action, age| {
        document.decide(&Request {
            action,
            resource: "arn:aws:s3:::b/k",
            signed: Signed {
                auth_type: Some(AuthType::Query),
                age,
            },
            tags: &Tags::new(),
        })
    };
    assert_eq!(decide("s3:PutObject", Some(300_000)), Decision::Allowed);
    assert_eq!(
        decide("s3:PutObject", Some(300_001)),
        Decision::Denied("Old".to_owned())
    );
    assert_eq!(decide("s3:PutObject", None), Decision::Allowed);
    assert_eq!(decide("s3:DeleteObject", None), Decision::Silent);
}

#[test]
fn unknown_features_are_refused() {
    let good = json!({ "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*" });
    document(&json!([good.clone()])).expect("a document");
    for (name, value) in [
        ("Effect", json!("Maybe")),
        ("Principal", json!({ "AWS": "123456789012" })),
        ("NotPrincipal", json!("*")),
        ("NotAction", json!("s3:*")),
        ("NotResource", json!("*")),
        ("Action", json!([])),
        ("Resource", json!(5)),
        (
            "Condition",
            json!({ "StringMatches": { "s3:authType": "x" } }),
        ),
        (
            "Condition",
            json!({ "StringEqualsIfExists": { "s3:authType": "x" } }),
        ),
        (
            "Condition",
            json!({ "ForAnyValue:StringEquals": { "s3:authType": "x" } }),
        ),
        (
            "Condition",
            json!({ "StringEquals": { "s3:authtype": "x" } }),
        ),
        (
            "Condition",
            json!({ "StringEquals": { "s3:ExistingObjectTag/": "x" } }),
        ),
        (
            "Condition",
            json!({ "StringEquals": { "aws:SourceIp": "10.0.0.1" } }),
        ),
        (
            "Condition",
            json!({ "StringEquals": { "s3:authType": [] } }),
        ),
        (
            "Condition",
            json!({ "NumericGreaterThan": { "s3:signatureAge": "soon" } }),
        ),
        (
            "Condition",
            json!({ "Bool": { "aws:SecureTransport": "perhaps" } }),
        ),
        ("Condition", json!("s3:authType")),
    ] {
        let mut statement = good.clone();
        statement[name] = value;
        document(&json!([statement.clone()])).expect_err(&statement.to_string());
    }
    for whole in [
        json!({ "Statement": [] }),
        json!({ "Version": "2008-10-17", "Statement": [good] }),
        json!({ "Version": "2012-10-17" }),
        json!([]),
    ] {
        Document::parse(&whole).expect_err(&whole.to_string());
    }
}
