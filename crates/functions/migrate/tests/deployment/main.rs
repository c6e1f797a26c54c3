//! A deployment: CloudFormation's request and the response to it.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod secret;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use slipway_emulators::lambda::{InvocationResult, Lambda};
use slipway_testkit::{Authority, empty_database, guard};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

const LIMIT: Duration = Duration::from_mins(1);

/// The target of responses: a real HTTP server, which returns `statuses` one after the other.
struct Inbox {
    address: String,
    puts: mpsc::UnboundedReceiver<(String, Value)>,
}

impl Inbox {
    async fn open(statuses: &'static [&'static str], tls: Option<&Authority>) -> Self {
        let acceptor = tls.map(|authority| {
            let (certificate, key) = authority.sign(&["localhost"]);
            let identity = native_tls::Identity::from_pkcs8(certificate.as_bytes(), key.as_bytes());
            let acceptor = native_tls::TlsAcceptor::new(identity.expect("a certificate"));
            tokio_native_tls::TlsAcceptor::from(acceptor.expect("an acceptor"))
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let (tell, puts) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            for status in statuses.iter().cycle() {
                let (stream, _) = listener.accept().await.expect("a client");
                let put = match &acceptor {
                    None => take(stream, status).await,
                    Some(acceptor) => match acceptor.accept(stream).await {
                        Ok(stream) => take(stream, status).await,
                        // A client that does not trust the certificate sends nothing.
                        Err(_) => continue,
                    },
                };
                let _ = tell.send(put);
            }
        });
        Self {
            address: format!("{scheme}://localhost:{port}/answer?Signature=hunter2"),
            puts,
        }
    }

    fn request(&self, kind: &str) -> Value {
        json!({
            "RequestType": kind,
            "ResponseURL": self.address,
            "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/slipway/1",
            "RequestId": "request-1",
            "LogicalResourceId": "Migration",
            "ResourceType": "Custom::SlipwayMigration",
            "ResourceProperties": { "FunctionVersion": "1" }
        })
    }

    async fn put(&mut self) -> Value {
        let put = tokio::time::timeout(LIMIT, self.puts.recv()).await;
        let (head, body) = put.expect("in time").expect("an answer");
        assert!(
            head.starts_with("PUT /answer?Signature=hunter2 HTTP/1.1\r\n"),
            "{head}"
        );
        // S3 signed the URL without a content type, and would reject another one.
        assert!(head.contains("content-type: \r\n"), "{head}");
        assert!(!body.to_string().contains("hunter2"), "{body}");
        body
    }
}

async fn take(mut stream: impl AsyncRead + AsyncWrite + Unpin, status: &str) -> (String, Value) {
    let mut came = Vec::new();
    loop {
        let read = stream.read_buf(&mut came).await.expect("a request");
        let text = String::from_utf8_lossy(&came).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && let Ok(body) = serde_json::from_str(body)
        {
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.expect("sent");
            let _ = stream.shutdown().await;
            return (format!("{head}\r\n"), body);
        }
        assert!(read > 0, "cut short: {text}");
    }
}

async fn start(env: &[(&str, String)]) -> Lambda {
    let program = Path::new(env!("CARGO_BIN_EXE_migrate"));
    let env = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    Lambda::start(guard(), program, env)
        .await
        .expect("it starts")
}

fn answered(outcome: &InvocationResult) -> &Value {
    match outcome {
        InvocationResult::Answered(answer) => &answer["answered"],
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_deployment_migrates_and_says_what_it_did() {
    let database = empty_database();
    let mut inbox = Inbox::open(&["200 OK"], None).await;
    let lambda = start(&[("DATABASE_URL", database.url())]).await;
    let outcome = lambda.invoke(&inbox.request("Create"), LIMIT).await;
    assert_eq!(answered(&outcome), "SUCCESS");
    let first = inbox.put().await;
    assert_eq!(first["Status"], "SUCCESS");
    assert_eq!(first["PhysicalResourceId"], "slipway-schema");
    assert_eq!(first["RequestId"], "request-1");
    assert_eq!(first["LogicalResourceId"], "Migration");
    assert!(
        first["StackId"]
            .as_str()
            .expect("an id")
            .ends_with("stack/slipway/1")
    );
    let applied = first["Data"]["Applied"].as_str().expect("names");
    assert!(applied.starts_with("0001_roles,"), "{applied}");

    // An update keeps the existing id, whatever it is.
    let mut update = inbox.request("Update");
    update["PhysicalResourceId"] = json!("of-old");
    lambda.invoke(&update, LIMIT).await;
    let second = inbox.put().await;
    assert_eq!(
        (&second["Status"], &second["PhysicalResourceId"]),
        (&json!("SUCCESS"), &json!("of-old"))
    );
    assert_eq!(second["Data"]["Applied"], "");
    assert_eq!(second["Data"]["Version"], first["Data"]["Version"]);

    // A delete changes nothing.
    lambda.invoke(&inbox.request("Delete"), LIMIT).await;
    assert_eq!(inbox.put().await["Status"], "SUCCESS");
    let admin = database.admin().await;
    assert!(admin.batch_execute("SELECT FROM s3_files").await.is_ok());

    // A rollback to older code finds a newer schema, and leaves it unchanged.
    let newer =
        "INSERT INTO slipway_migrations (version, name, checksum) VALUES (9999, 'later', 'x')";
    admin.batch_execute(newer).await.expect("a later version");
    lambda.invoke(&inbox.request("Update"), LIMIT).await;
    let rolled_back = inbox.put().await;
    assert_eq!(
        (&rolled_back["Status"], &rolled_back["Data"]["Version"]),
        (&json!("SUCCESS"), &json!("9999"))
    );

    // The response contains the reason.
    let changed = "UPDATE slipway_migrations SET checksum = 'x'";
    admin
        .batch_execute(changed)
        .await
        .expect("a changed migration");
    let outcome = lambda.invoke(&inbox.request("Update"), LIMIT).await;
    assert_eq!(answered(&outcome), "FAILED");
    let failed = inbox.put().await;
    assert_eq!(failed["Status"], "FAILED");
    assert!(
        failed["Reason"]
            .as_str()
            .expect("a reason")
            .contains("0001_roles"),
        "{failed}"
    );
}

#[tokio::test]
async fn a_deployment_that_cannot_work_is_told_why_and_sees_no_secret() {
    let mut inbox = Inbox::open(&["200 OK"], None).await;
    for (url, why) in [
        ("", "DATABASE_URL is not set"),
        ("postgres://u:hunter2@h/d?nonsense=hunter2", "nonsense"),
        ("postgres://u:hunter2@127.0.0.1:1/x", "connecting"),
    ] {
        let lambda = start(&[("DATABASE_URL", url.to_owned())]).await;
        let outcome = lambda.invoke(&inbox.request("Create"), LIMIT).await;
        assert_eq!(answered(&outcome), "FAILED");
        let put = inbox.put().await;
        assert!(
            put["Reason"].as_str().expect("a reason").contains(why),
            "{put}"
        );
        // Without CloudFormation the invocation itself fails.
        let InvocationResult::Failed(error) = lambda.invoke(&json!({}), LIMIT).await else {
            panic!("an error");
        };
        assert!(error.to_string().contains(why), "{error}");
    }
}

/// CloudFormation restores the previous properties after a failed update. A second failure would
/// leave the stack in `UPDATE_ROLLBACK_FAILED`.
#[tokio::test]
async fn a_rollback_succeeds_while_postgres_is_down() {
    let mut inbox = Inbox::open(&["200 OK"], None).await;
    let url = "postgres://u:hunter2@127.0.0.1:1/x";
    let lambda = start(&[("DATABASE_URL", url.to_owned())]).await;
    let arn = "arn:aws:lambda:eu-central-1:123456789012:function:slipway-MigrateFunction-x";
    for (kind, new, old, status) in [
        ("Update", 10, 9, "FAILED"),
        ("Update", 9, 10, "SUCCESS"),
        // Only the secret changed, which does not show the direction.
        ("Update", 9, 9, "FAILED"),
        ("Create", 9, 10, "FAILED"),
    ] {
        let mut request = inbox.request(kind);
        request["ResourceProperties"]["FunctionVersion"] = json!(format!("{arn}:{new}"));
        request["OldResourceProperties"] = json!({ "FunctionVersion": format!("{arn}:{old}") });
        lambda.invoke(&request, LIMIT).await;
        assert_eq!(inbox.put().await["Status"], status, "{kind} {old} to {new}");
    }
}

#[tokio::test]
async fn a_migration_that_takes_too_long_is_a_failure_in_time() {
    let database = empty_database();
    let mut admin = database.admin().await;
    let held = admin.transaction().await.expect("a transaction");
    held.execute("SELECT pg_advisory_xact_lock(32488822435963257)", &[])
        .await
        .expect("the lock");
    let mut inbox = Inbox::open(&["200 OK"], None).await;
    let lambda = start(&[("DATABASE_URL", database.url())]).await;
    // 20 s of the time are reserved for the response.
    let outcome = lambda
        .invoke(&inbox.request("Create"), Duration::from_secs(22))
        .await;
    assert_eq!(answered(&outcome), "FAILED");
    let put = inbox.put().await;
    assert!(
        put["Reason"]
            .as_str()
            .expect("a reason")
            .contains("did not end within"),
        "{put}"
    );
}

#[tokio::test]
async fn an_answer_is_put_again_and_a_lost_one_fails_without_its_address() {
    let database = empty_database();
    let mut inbox = Inbox::open(&["503 Slow Down", "200 OK"], None).await;
    let lambda = start(&[("DATABASE_URL", database.url())]).await;
    let outcome = lambda.invoke(&inbox.request("Create"), LIMIT).await;
    assert_eq!(answered(&outcome), "SUCCESS");
    assert_eq!(inbox.put().await, inbox.put().await);

    let inbox = Inbox::open(&["403 Forbidden"], None).await;
    let InvocationResult::Failed(error) = lambda.invoke(&inbox.request("Delete"), LIMIT).await
    else {
        panic!("an error, so that Lambda tries again");
    };
    let error = error.to_string();
    assert!(
        error.contains("403") && !error.contains("hunter2"),
        "{error}"
    );
}

#[tokio::test]
async fn the_answer_goes_over_tls_to_whom_the_roots_vouch_for() {
    let database = empty_database();
    let (trusted, other) = (Authority::new(), Authority::new());
    let mut inbox = Inbox::open(&["200 OK"], Some(&trusted)).await;
    let env = |authority: &Authority| {
        let roots = authority.path().display().to_string();
        [("DATABASE_URL", database.url()), ("SSL_CERT_FILE", roots)]
    };
    let lambda = start(&env(&other)).await;
    let InvocationResult::Failed(error) = lambda.invoke(&inbox.request("Create"), LIMIT).await
    else {
        panic!("it answered a stranger");
    };
    let error = error.to_string();
    assert!(error.contains("certificate verify failed"), "{error}");
    assert!(inbox.puts.try_recv().is_err());

    let lambda = start(&env(&trusted)).await;
    let outcome = lambda.invoke(&inbox.request("Create"), LIMIT).await;
    assert_eq!(answered(&outcome), "SUCCESS");
    assert_eq!(inbox.put().await["Status"], "SUCCESS");
}
