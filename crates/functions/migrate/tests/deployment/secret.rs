//! The connection string from Secrets Manager.

use serde_json::json;
use slipway_emulators::lambda::InvocationResult;
use slipway_testkit::empty_database;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::{Inbox, LIMIT, start};

/// A Secrets Manager with the calls that these tests need.
async fn secrets(answers: Vec<String>) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (tell, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        for answer in answers {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut came = Vec::new();
            while !came.ends_with(b"\"}") {
                stream.read_buf(&mut came).await.expect("a request");
            }
            stream.write_all(answer.as_bytes()).await.expect("sent");
            let _ = tell.send(String::from_utf8_lossy(&came).into_owned());
        }
    });
    (url, asked)
}

fn secret_env(endpoint: String) -> Vec<(&'static str, String)> {
    [
        (
            "DATABASE_URL_SECRET_ARN",
            "arn:aws:secretsmanager:eu-central-1:1:secret:x",
        ),
        ("DATABASE_URL_SECRET_KEY", "url"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ("AWS_SESSION_TOKEN", "token"),
    ]
    .into_iter()
    .map(|(name, value)| (name, value.to_owned()))
    .chain([("AWS_ENDPOINT_URL_SECRETS_MANAGER", endpoint)])
    .collect()
}

fn given(url: &str) -> String {
    let secret = json!({ "url": url }).to_string();
    let body = json!({ "Name": "x", "SecretString": secret }).to_string();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn refused() -> String {
    let body = r#"{"__type": "AccessDeniedException", "Message": "no"}"#;
    format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[tokio::test]
async fn the_connection_string_may_come_from_secrets_manager_at_init() {
    let database = empty_database();
    let answer = given(&database.url());
    let (endpoint, mut asked) = secrets(vec![answer.clone()]).await;
    let lambda = start(&secret_env(endpoint)).await;
    let InvocationResult::Answered(answered) = lambda.invoke(&json!({}), LIMIT).await else {
        panic!("an answer");
    };
    assert_eq!(answered["applied"][0], "0001_roles");
    let asked = asked.recv().await.expect("a question");
    assert!(
        asked.contains("x-amz-target: secretsmanager.GetSecretValue\r\n"),
        "{asked}"
    );
    assert!(asked.contains("x-amz-security-token: token\r\n"), "{asked}");
    assert!(
        asked.ends_with(r#"{"SecretId":"arn:aws:secretsmanager:eu-central-1:1:secret:x"}"#),
        "{asked}"
    );
    assert!(!asked.contains("hunter2"), "{asked}");

    // The request names a version if one is configured.
    let (endpoint, mut asked) = secrets(vec![answer]).await;
    let mut env = secret_env(endpoint);
    env.push(("DATABASE_URL_SECRET_VERSION", "v2".to_owned()));
    let lambda = start(&env).await;
    lambda.invoke(&json!({}), LIMIT).await;
    let asked = asked.recv().await.expect("a question");
    assert!(asked.ends_with(r#""VersionId":"v2"}"#), "{asked}");
}

#[tokio::test]
async fn a_secret_that_is_not_given_out_is_named() {
    let database = empty_database();
    let (endpoint, _asked) = secrets(vec![refused(), given(&database.url())]).await;
    let mut inbox = Inbox::open(&["200 OK"], None).await;
    let lambda = start(&secret_env(endpoint)).await;
    lambda.invoke(&inbox.request("Create"), LIMIT).await;
    let put = inbox.put().await;
    let reason = put["Reason"].as_str().expect("a reason");
    assert!(
        reason.contains("DATABASE_URL_SECRET_ARN") && reason.contains("AccessDeniedException"),
        "{reason}"
    );
    // The next invocation retries in the same environment, once the secret is readable.
    let again = lambda.invoke(&json!({}), LIMIT).await;
    assert!(matches!(again, InvocationResult::Answered(_)), "{again:?}");
}
