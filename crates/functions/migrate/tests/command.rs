//! The binary as operators run it.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::json;
use slipway_emulators::capture;
use slipway_emulators::lambda::{InvocationResult, Lambda};
use slipway_emulators::postgres::{Postgres, PostgresOptions};
use slipway_testkit::{Authority, cache, capture_output, empty_database, guard};

fn migrate(url: &str, args: &[&str]) -> Output {
    capture::environment([("DATABASE_URL", url)]);
    let output = command(url, args).output().expect("it runs");
    capture_output("migrate", &output);
    output
}

fn command(url: &str, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_migrate"));
    command
        .args(args)
        .env_remove("AWS_LAMBDA_RUNTIME_API")
        .env_remove("DATABASE_URL_UNPOOLED")
        .env("DATABASE_URL", url);
    command
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8(output.stderr.clone()).expect("text")
}

#[test]
fn it_applies_what_is_missing_and_says_so() {
    let database = empty_database();
    let url = database.url();
    assert!(stdout(&migrate(&url, &["--status"])).starts_with("missing 0001_roles\n"));
    let first = stdout(&migrate(&url, &[]));
    assert!(
        first.starts_with("applied 0001_roles\napplied 0002_files\n"),
        "{first}"
    );
    let second = stdout(&migrate(&url, &[]));
    assert!(
        second.starts_with("the database is at version "),
        "{second}"
    );
    assert!(!stdout(&migrate(&url, &["--status"])).contains("missing"));
}

#[test]
fn the_unpooled_url_wins() {
    let database = empty_database();
    let mut command = command("postgres://nobody:nothing@127.0.0.1:1/x", &[]);
    command.env("DATABASE_URL_UNPOOLED", database.url());
    let _ = stdout(&command.output().expect("it runs"));
    command.env(
        "DATABASE_URL_UNPOOLED",
        "postgres://u:hunter2@h/x?sslcert=hunter2",
    );
    let error = stderr(&command.output().expect("it runs"));
    assert!(
        error.contains("DATABASE_URL_UNPOOLED") && error.contains("sslcert"),
        "{error}"
    );
    assert!(!error.contains("hunter2"), "{error}");
}

#[test]
fn errors_say_what_to_do() {
    let unset = stderr(&migrate("", &[]));
    assert_eq!(unset, "error: configuration: DATABASE_URL is not set\n");
    let unknown = stderr(&migrate("", &["--down"]));
    assert!(unknown.contains("--help"), "{unknown}");
    assert!(stdout(&migrate("", &["--help"])).contains("--import-tutorial-table"));
    let nobody = stderr(&migrate("postgres://u:hunter2@127.0.0.1:1/x", &[]));
    assert!(
        nobody.contains("connecting") && !nobody.contains("hunter2"),
        "{nobody}"
    );
}

#[tokio::test]
async fn a_tutorials_table_is_imported_and_its_copies_are_printed() {
    let database = empty_database();
    let url = database.url();
    let admin = database.admin().await;
    admin
        .batch_execute(
            "CREATE TABLE s3_files (id SERIAL PRIMARY KEY, object_key TEXT NOT NULL UNIQUE, file_url TEXT NOT NULL,
                 user_id TEXT NOT NULL, upload_timestamp TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP);
             INSERT INTO s3_files (object_key, file_url, user_id) VALUES ('uploads/it''s.txt', 'https://x', 'alice')",
        )
        .await
        .expect("a tutorial's table");
    let refused = stderr(&migrate(&url, &[]));
    assert!(
        refused.contains("migrate --import-tutorial-table"),
        "{refused}"
    );
    let imported = stdout(&migrate(&url, &["--import-tutorial-table"]));
    assert!(imported.contains("has 1 rows, all kept"), "{imported}");
    let copies = stdout(&migrate(&url, &["--tutorial-copies", "my-bucket"]));
    assert!(
        copies
            .starts_with(r"aws s3 cp 's3://my-bucket/uploads/it'\''s.txt' 's3://my-bucket/alice/"),
        "{copies}"
    );
    assert!(
        copies.ends_with("/it-s.txt' --metadata name=aXQncy50eHQ\n"),
        "{copies}"
    );
}

/// A connection string as Neon prints it, with trust through `SSL_CERT_FILE` and `SSL_CERT_DIR`, as
/// the Lambda layer of a deployment sets them.
#[test]
fn tls_trusts_what_the_environment_names() {
    let authority = Authority::new();
    let (certificate, key) = authority.sign(&["localhost"]);
    let mut options = PostgresOptions::temporary(cache());
    options.settings = vec![("ssl".to_owned(), "on".to_owned())];
    options.files = vec![
        ("server.crt".to_owned(), certificate.into_bytes()),
        ("server.key".to_owned(), key.into_bytes()),
    ];
    let server = Postgres::start(guard(), &options).expect("Postgres starts");
    let url = server.url().replace("127.0.0.1", "localhost");
    let url = format!("{url}?sslmode=require&channel_binding=require");
    let untrusted = stderr(&migrate(&url, &[]));
    assert!(
        untrusted.contains("authority that is not trusted"),
        "{untrusted}"
    );
    let mut trusted = command(&url, &[]);
    trusted.env("SSL_CERT_FILE", authority.path());
    let _ = stdout(&trusted.output().expect("it runs"));

    #[cfg(not(target_vendor = "apple"))]
    {
        let none = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../certs/README.md");
        let layer = |roots: &Path| {
            let mut command = command(&url, &[]);
            command.env("SSL_CERT_FILE", none);
            command.env("SSL_CERT_DIR", roots);
            command.output().expect("it runs")
        };
        let _ = stdout(&layer(&authority.hashed()));
        let others = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../certs/roots");
        let untrusted = stderr(&layer(&others));
        assert!(
            untrusted.contains("authority that is not trusted"),
            "{untrusted}"
        );
    }
}

#[tokio::test]
async fn as_a_lambda_every_invocation_applies_what_is_missing() {
    let database = empty_database();
    let program = Path::new(env!("CARGO_BIN_EXE_migrate"));
    let env = [("DATABASE_URL".to_owned(), database.url())];
    let lambda = Lambda::start(guard(), program, env)
        .await
        .expect("it starts");
    let event = json!({"any": "event"});
    let invoke = || lambda.invoke(&event, Duration::from_secs(30));
    let InvocationResult::Answered(first) = invoke().await else {
        panic!("an answer");
    };
    assert_eq!(first["applied"][0], "0001_roles");
    let version = first["version"].clone();
    assert_eq!(
        invoke().await,
        InvocationResult::Answered(json!({"applied": [], "version": version}))
    );
    // A deployment must receive the failure and its reason.
    let admin = database.admin().await;
    admin
        .batch_execute("UPDATE slipway_migrations SET checksum = 'x'")
        .await
        .expect("edited");
    let InvocationResult::Failed(error) = invoke().await else {
        panic!("a failure");
    };
    assert!(error.to_string().contains("0001_roles"), "{error}");
}

#[test]
fn a_diagnosis_is_a_line_of_json_for_each_finding() {
    let diagnose = |url: &str| -> Vec<serde_json::Value> {
        let lines = stdout(&migrate(url, &["--diagnose"]));
        let parse = |line| serde_json::from_str(line).expect("JSON");
        lines.lines().map(parse).collect()
    };
    let database = empty_database();
    let found = diagnose(&database.url());
    assert_eq!(found[1]["fault"], "schema_missing", "{found:?}");
    let nowhere = diagnose("postgres://nobody:hunter2@127.0.0.1:1/x");
    assert_eq!(nowhere.len(), 1, "{nowhere:?}");
    assert_eq!(nowhere[0]["check"], "database");
    assert_eq!(nowhere[0]["fault"], "database_unreachable");
    assert!(!nowhere[0].to_string().contains("hunter2"), "{nowhere:?}");
}
