//! A stack in which a team owns files: its tokens, its page's commands and its doctor all name the owner.

use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::harness::{EXE, Stack, bash, free_port};

#[test]
fn tokens_of_the_stack_name_the_owner_by_its_claim() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_port();
    let mut command = Command::new(EXE);
    command
        .args(["--port", &port.to_string(), "--state"])
        .arg(folder.path())
        .env("OWNER_CLAIM", "org_id");
    let stack = Stack::start_by(&mut command, port);
    let said = bash(&stack.transcript);
    assert_eq!(said.matches(r#""success":true"#).count(), 4, "{said}");
    assert!(said.contains(r#""objectKey":"alice/"#), "{said}");

    // In another terminal, which knows nothing of the variable.
    let run = |args: &[&str]| -> Output {
        let mut command = Command::new(EXE);
        command.args(args).arg("--state").arg(folder.path());
        command
            .env_remove("OWNER_CLAIM")
            .output()
            .expect("it starts")
    };
    let token = run(&["token", "team-7"]);
    assert!(token.status.success(), "{token:?}");
    let token = String::from_utf8(token.stdout).expect("text");
    slipway_emulators::capture::secret(token.trim());
    let claims = token.split('.').nth(1).expect("claims");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64url");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(claims["org_id"], "team-7");
    let key = bash(&format!(
        "curl -sS -f http://localhost:{port}/presign-upload -H 'Authorization: Bearer {}' \
         -d '{{\"fileName\": \"a.txt\", \"contentType\": \"text/plain\"}}'",
        token.trim()
    ));
    assert!(key.contains(r#""objectKey":"team-7/"#), "{key}");

    let examined = run(&["doctor"]);
    let said = String::from_utf8_lossy(&examined.stdout);
    assert!(examined.status.success(), "{said}");
    assert!(said.contains("0 faults, 0 warnings"), "{said}");
    stack.kill();
}
