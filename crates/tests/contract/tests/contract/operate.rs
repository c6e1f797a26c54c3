//! Runs the queries of `docs/operate.md` on log lines that the functions write.
//!
//! It implements only the part of the query language that the page uses: filters and field names.

use std::collections::BTreeSet;

use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use slipway_core::env::Environment;
use slipway_maintain::Maintain;

use crate::log::Log;
use crate::world::{REQUEST_ID, World};

const PAGE: &str = include_str!("../../../../../docs/operate.md");

/// The keywords of the language. They are not fields.
const WORDS: [&str; 24] = [
    "filter",
    "fields",
    "stats",
    "sort",
    "limit",
    "by",
    "as",
    "and",
    "or",
    "like",
    "desc",
    "count",
    "sum",
    "pct",
    "count_distinct",
    "ispresent",
    "times",
    "all",
    "s3",
    "postgres",
    "users",
    "requests",
    "cold",
    "p99",
];

/// Each query, with the sentence before it.
fn queries() -> Vec<(String, String)> {
    let (_, section) = PAGE.split_once("## Questions").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("its end");
    let (mut question, mut ended) = (String::new(), true);
    let mut queries = Vec::new();
    for line in section.lines() {
        match line.strip_prefix("    ") {
            Some(query) => queries.push((question.clone(), query.to_owned())),
            None if line.is_empty() => ended = true,
            None => {
                if std::mem::take(&mut ended) {
                    question.clear();
                }
                question.push_str(line);
            }
        }
    }
    queries
}

/// The fields that the query names, except those that CloudWatch adds.
fn fields(query: &str) -> BTreeSet<String> {
    let mut outside = String::new();
    for (at, part) in query.split('"').enumerate() {
        if at % 2 == 0 {
            outside.push_str(part);
        }
    }
    outside
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '@')))
        .filter(|word| word.starts_with(|c: char| c.is_alphabetic()))
        .filter(|word| !WORDS.contains(word))
        .map(ToOwned::to_owned)
        .collect()
}

fn value<'a>(line: &'a Value, field: &str) -> &'a Value {
    line.pointer(&format!("/{}", field.replace('.', "/")))
        .unwrap_or(&Value::Null)
}

/// Whether a line meets one condition.
fn holds(line: &Value, condition: &str) -> bool {
    let condition = condition.trim();
    let text = |quoted: &str| quoted.trim().trim_matches('"').to_owned();
    if let Some(field) = condition.strip_prefix("ispresent(") {
        !value(line, field.trim_end_matches(')')).is_null()
    } else if let Some((field, part)) = condition.split_once(" like ") {
        assert_eq!(field, "@message");
        line.to_string().contains(&text(part))
    } else if let Some((field, least)) = condition.split_once(" >= ") {
        value(line, field).as_u64() >= least.parse().ok()
    } else {
        let (field, expected) = condition.split_once(" = ").expect("a condition");
        let field = if field == "@requestId" {
            "requestId"
        } else {
            field
        };
        *value(line, field) == json!(text(expected))
    }
}

fn passes(line: &Value, query: &str) -> bool {
    let filters = query
        .split(" | ")
        .filter_map(|part| part.strip_prefix("filter "));
    filters.into_iter().all(|filter| {
        let mut any = filter.split(" or ");
        any.any(|all| all.split(" and ").all(|one| holds(line, one)))
    })
}

/// The lines of a deployment while files are uploaded and deleted, and while it fails.
async fn lines() -> (Vec<Value>, String) {
    let world = World::new().await;
    let log = Log::default();
    let _listening = log.capture();
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let id = file["id"].as_str().expect("an id").to_owned();
    let event = world.notifications().await.remove(0);
    let broken = world.app(&[("AWS_SECRET_ACCESS_KEY", "0therSecretKeyOfThisTest")]);
    broken.save("alice", &file).await.expect(500);
    let events = json!({ "Records": [{ "eventSource": "aws:sqs", "messageId": "m", "body": event.to_string() }] });
    broken.deliver(events).await.expect("an answer");
    world
        .deliver(json!({ "source": "aws.ec2" }))
        .await
        .expect("an answer");
    world.delete("bob", &id).await.expect(404);
    world.delete("alice", &id).await.expect(200);
    for app in [&*world, &broken] {
        let env: Environment = app.variables("maintain-function").into_iter().collect();
        let maintain = Maintain::from_env(&env).await.expect("it starts");
        let mut context = Context::default();
        REQUEST_ID.clone_into(&mut context.request_id);
        // A run fails if S3 refuses every request.
        let _ = maintain.handle(LambdaEvent::new(json!({}), context)).await;
    }
    (log.take(), id)
}

#[tokio::test]
async fn each_query_of_the_runbook_finds_its_lines() {
    let (lines, id) = lines().await;
    let queries = queries();
    assert!(queries.len() >= 10, "{queries:?}");
    for (question, query) in queries {
        if question.contains("/api`") {
            continue;
        }
        let asked = query
            .replace("REQUEST-ID", REQUEST_ID)
            .replace("FILE-ID", &id)
            // No record failed after it had begun.
            .replace(".failed > 0", ".failed >= 0");
        let found: Vec<_> = lines.iter().filter(|line| passes(line, &asked)).collect();
        assert!(
            !found.is_empty(),
            "{question} {asked}: no line of {lines:#?}"
        );
        for field in fields(&query) {
            assert!(
                found.iter().any(|line| !value(line, &field).is_null()),
                "{question} {query}: no line has {field}: {found:#?}"
            );
        }
    }
}

/// API Gateway writes the fields that the template names.
#[test]
fn queries_of_the_access_log_name_its_fields() {
    let template = include_str!("../../../../../template.yaml");
    let of_api: Vec<_> = queries()
        .into_iter()
        .filter(|(question, _)| question.contains("/api`"))
        .collect();
    assert!(!of_api.is_empty());
    for (question, query) in of_api {
        for field in fields(&query) {
            assert!(
                template.contains(&format!("\"{field}\":")),
                "{question}: {field}"
            );
        }
    }
}

#[tokio::test]
async fn one_query_finds_who_deleted_a_file() {
    let (lines, id) = lines().await;
    let (_, query) = queries()
        .into_iter()
        .find(|(question, _)| question.contains("became of this file"))
        .expect("the question");
    let query = query.replace("FILE-ID", &id);
    let deleted: Vec<_> = lines
        .iter()
        .filter(|line| passes(line, &query) && line["Deleted"] == 1)
        .collect();
    assert_eq!(deleted.len(), 1);
    assert_eq!(deleted[0]["owner"], "2bd806c97f0e00af");
}
