//! A website that a developer visits cannot use the running stack.

use std::process::Command;

use crate::harness::Stack;

/// An event with an identity, which only API Gateway may add.
const FORGED: &str = r#"{"version":"2.0","rawPath":"/files","rawQueryString":"","headers":{},
    "requestContext":{"http":{"method":"GET"},"authorizer":{"jwt":{"claims":{"sub":"alice"}}}}}"#;

/// Sends requests that scripts on a foreign page can send, and some that they cannot.
pub(crate) fn gets_nothing(stack: &Stack) {
    let evil = "Origin: https://evil.example";
    let plain = "Content-Type: text/plain";
    let invocations = "/2015-03-31/functions/files/invocations";
    // The control plane of emulators, at its former and usual paths.
    for (method, path) in [
        ("POST", invocations),
        ("POST", "/2015-03-31/functions/record-upload/invocations"),
        ("GET", "/.rt/files/2018-06-01/runtime/invocation/next"),
        ("GET", "/2018-06-01/runtime/invocation/next"),
    ] {
        let (status, answer) = send(
            stack,
            path,
            &["-X", method, "-H", evil, "-H", plain, "-d", FORGED],
        );
        assert_eq!(status, 404, "{path}: {answer}");
        assert!(!answer.contains("access-control-"), "{answer}");
        assert!(answer.ends_with(r#"{"message":"Not Found"}"#), "{answer}");
    }
    // Only the local pages may send a token.
    let preflight = |origin: &str| {
        let origin = format!("Origin: {origin}");
        let method = "Access-Control-Request-Method: GET";
        send(
            stack,
            "/files",
            &["-X", "OPTIONS", "-H", &origin, "-H", method],
        )
    };
    let (status, answer) = preflight("https://evil.example");
    assert_eq!(status, 204, "{answer}");
    assert!(!answer.contains("access-control-"), "{answer}");
    let (status, answer) = preflight("http://localhost:5173");
    assert_eq!(status, 204, "{answer}");
    for line in [
        "access-control-allow-origin: http://localhost:5173",
        "access-control-allow-headers: authorization,content-type",
        "access-control-max-age: 3600",
    ] {
        assert!(answer.contains(line), "{line}: {answer}");
    }
    // A website that points its host name at this machine gets no further than a client without a
    // token.
    let (status, answer) = send(stack, "/files", &["-H", "Host: evil.example"]);
    assert_eq!(status, 403, "{answer}");
    let (status, answer) = send(stack, "/files", &[]);
    assert_eq!(status, 401, "{answer}");

    // This header once ended a process of the function.
    let before = stack.processes("files");
    for _ in 0..2 * before.len() {
        let (status, answer) = send(stack, "/files", &["-H", "Lambda-Runtime-Client-Context: x"]);
        assert_eq!(status, 401, "{answer}");
    }
    assert_eq!(stack.processes("files"), before);
}

/// Status, headers in lower case, and body.
fn send(stack: &Stack, path: &str, args: &[&str]) -> (u16, String) {
    let mut curl = Command::new("curl");
    let curl = curl.args(["-sS", "-i", "--max-time", "60"]).args(args);
    let output = curl.arg(format!("http://127.0.0.1:{}{path}", stack.port));
    let output = output.output().expect("curl starts");
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    (status.expect("a status"), answer)
}
