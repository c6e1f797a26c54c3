//! A function with a bad configuration fails at init and names the variable.

use std::process::Command;

use slipway_emulators::capture;
use slipway_processes::{binary, environment};

fn fails_naming(function: &str, change: (&str, Option<&str>), named: &str) {
    let mut env = environment("http://127.0.0.1:1", "postgres://u:hunter2@127.0.0.1:1/d");
    let (variable, value) = change;
    match value {
        Some(value) => env.insert(variable.to_owned(), value.to_owned()),
        None => env.remove(variable),
    };
    let output = Command::new(binary(function))
        .env_clear()
        .envs(env)
        .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
        .env("AWS_LAMBDA_FUNCTION_NAME", "f")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .output()
        .expect("the binary starts");
    capture::environment([("DATABASE_URL", "postgres://u:hunter2@h/d")]);
    slipway_testkit::capture_output(function, &output);
    let said = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    assert!(
        !output.status.success(),
        "{function} started without a sound {variable}: {said}"
    );
    assert!(
        said.contains(named),
        "{function} does not name {named}: {said}"
    );
    assert!(
        !said.contains("hunter2"),
        "{function} prints a password: {said}"
    );
}

#[test]
fn a_bad_variable_fails_init_by_name() {
    for function in [
        "presign",
        "save-metadata",
        "files",
        "rename",
        "delete",
        "multipart",
        "record-upload",
    ] {
        fails_naming(function, ("S3_BUCKET_NAME", None), "S3_BUCKET_NAME");
        fails_naming(function, ("AWS_REGION", Some("")), "AWS_REGION");
    }
    for function in [
        "save-metadata",
        "files",
        "rename",
        "delete",
        "multipart",
        "record-upload",
    ] {
        fails_naming(function, ("DATABASE_URL", None), "DATABASE_URL");
        fails_naming(
            function,
            ("DATABASE_URL", Some("postgres://u:hunter2@h/d?nonsense=1")),
            "nonsense",
        );
    }
    fails_naming(
        "presign",
        ("UPLOAD_URL_SECONDS", Some("43201")),
        "UPLOAD_URL_SECONDS",
    );
    fails_naming(
        "files",
        ("READ_URL_SECONDS", Some("43201")),
        "READ_URL_SECONDS",
    );
    fails_naming("presign", ("JWT_PUBLIC_KEY", Some("x")), "JWT_SECRET");
    fails_naming("presign", ("JWT_KEYS", Some("{}")), "JWT_SECRET");
    fails_naming("presign", ("OWNER_CLAIM", Some("a\tb")), "OWNER_CLAIM");
    for function in [
        "presign",
        "save-metadata",
        "rename",
        "multipart",
        "record-upload",
    ] {
        let rules = r#"{"avatar": {"maxbytes": 1}}"#;
        fails_naming(function, ("UPLOAD_RULES", Some(rules)), "UPLOAD_RULES");
    }
    fails_naming(
        "presign",
        ("USER_QUOTA_BYTES", Some("5")),
        "USER_QUOTA_BYTES",
    );
}
