//! The output once everything runs.

use std::io;
use std::path::Path;

use super::services::Services;
use super::settings::{brings_key, user_set};
use crate::cli::TOKEN_SECONDS;
use crate::say;
use crate::state::StackState;

/// The user of the examples.
const USER: &str = "alice";

/// Prints the addresses, and commands that work as printed.
pub(super) fn print(
    port: u16,
    state: &StackState,
    services: &Services,
    page: Option<&str>,
) -> io::Result<()> {
    let database = database(services);
    let token = token(state)?;
    let page = match (page, &token) {
        (None, _) => "not built: see above".to_owned(),
        (Some(url), None) => url.to_owned(),
        // The browser does not send the part after the #.
        (Some(url), Some(token)) => format!("{url}/#token={token}"),
    };
    say::line(&format!(
        "
Slipway is up.

  API        http://localhost:{port}
  Page       {page}
  S3         {}
  Postgres   {database}
  Webhooks   {}
  Tokens     cargo dev token USER
  Reload     cargo build, in another terminal
  Stop       Ctrl-C; `cargo dev --fresh` starts from nothing

Try it, in another terminal:
",
        services.s3_endpoint,
        webhooks(services)
    ));
    try_it(port, token);
    Ok(())
}

/// The same for the services alone.
pub(super) fn print_services(
    port: u16,
    state: &StackState,
    services: &Services,
    env_file: &Path,
) -> io::Result<()> {
    let database = database(services);
    let file = env_file.display();
    say::line(&format!(
        "
The services are up. Their keys are in {file}, which only you can read.

  S3         {}
  Postgres   {database}
  Events     to record-upload, which runs here
  Tokens     cargo dev token USER
  Stop       Ctrl-C

Serve the functions from another terminal, in the folder of this repository:

  cargo lambda watch -A 127.0.0.1 --env-file {file}

It listens on port {port} and compiles a function at its first request. While it runs, any website that you visit can
call its control plane, and act as any user of these services.

Try it, in a third terminal:
",
        services.s3_endpoint
    ));
    try_it(port, token(state)?);
    Ok(())
}

/// Where deliveries go. The address of another application may contain a secret.
fn webhooks(services: &Services) -> &'static str {
    if services.keys.is_none() {
        "none: the events of another S3 do not reach notify"
    } else if user_set("WEBHOOK_URL").is_some() {
        "to WEBHOOK_URL"
    } else {
        "printed here; WEBHOOK_URL=http://127.0.0.1:PORT/PATH cargo dev sends them to your application"
    }
}

fn database(services: &Services) -> String {
    match &services.database_url {
        Some(url) => format!("psql '{url}'"),
        None => "the one of DATABASE_URL".to_owned(),
    }
}

/// A token, unless the user brings a key.
fn token(state: &StackState) -> io::Result<Option<String>> {
    if brings_key() {
        return Ok(None);
    }
    let token = state
        .key()?
        .token(USER, &state.owner_claim(), TOKEN_SECONDS);
    Ok(Some(token))
}

fn try_it(port: u16, token: Option<String>) {
    let token = token.unwrap_or_else(|| {
        say::line("# JWT_PUBLIC_KEY, JWT_SECRET or JWT_KEYS is set, so use a token of your own:");
        "...".to_owned()
    });
    say::line(&transcript(port, &token));
}

/// An upload from beginning to end, for any POSIX shell.
fn transcript(port: u16, token: &str) -> String {
    let api = format!("http://localhost:{port}");
    let auth = r#"-H "Authorization: Bearer $TOKEN""#;
    let json = r#"-H "Content-Type: application/json""#;
    format!(
        r#"TOKEN={token}
printf 'Hello, Slipway' > /tmp/hello.txt
UPLOAD=$(curl -sS {api}/presign-upload {auth} {json} -d '{{"fileName": "hello.txt", "contentType": "text/plain"}}')
KEY=$(printf %s "$UPLOAD" | sed 's/.*"objectKey":"\([^"]*\)".*/\1/')
curl -gsS -X PUT "$(printf %s "$UPLOAD" | sed 's/.*"presignedUrl":"\([^"]*\)".*/\1/')" --upload-file /tmp/hello.txt -H "Content-Type: text/plain"
curl -sS {api}/save-metadata {auth} {json} -d "{{\"objectKey\": \"$KEY\"}}"; echo
FILES=$(curl -sS {api}/files {auth}); echo "$FILES"
curl -sS "$(printf %s "$FILES" | sed 's/.*"url":"\([^"]*\)".*/\1/')"; echo
curl -sS -X DELETE {api}/files/$(printf %s "$KEY" | cut -d/ -f2) {auth}; echo
curl -sS {api}/files {auth}; echo
"#
    )
}

#[cfg(test)]
mod tests {
    use super::transcript;

    #[test]
    fn the_transcript_contains_port_and_token() {
        let text = transcript(3001, "t.o.k");
        assert_eq!(text.matches("http://localhost:3001/").count(), 5);
        assert_eq!(text.matches("t.o.k").count(), 1);
    }
}
