//! What a person can do, once everything is up.

use std::io;

use super::services::Services;
use super::settings::brings_key;
use crate::cli::TOKEN_SECONDS;
use crate::say;
use crate::state::State;

/// The user that the examples are for.
const USER: &str = "alice";

/// Prints where everything is, and commands that work as they stand.
pub(super) fn print(
    port: u16,
    state: &State,
    services: &Services,
    page: Option<&str>,
) -> io::Result<()> {
    let database = match &services.database_url {
        Some(url) => format!("psql '{url}'"),
        None => "yours, by DATABASE_URL".to_owned(),
    };
    let token = if brings_key() {
        None
    } else {
        Some(state.key()?.token(USER, TOKEN_SECONDS)?)
    };
    let page = match (page, &token) {
        (None, _) => "not built: see above".to_owned(),
        (Some(url), None) => url.to_owned(),
        // What follows the # stays in the browser.
        (Some(url), Some(token)) => format!("{url}/#token={token}"),
    };
    say::line(&format!(
        "
Slipway is up.

  API        http://localhost:{port}
  Page       {page}
  S3         {}
  Postgres   {database}
  Tokens     cargo dev token USER
  Reload     cargo build, in another terminal
  Stop       Ctrl-C; `cargo dev --fresh` begins anew

Try it, in another terminal:
",
        services.s3_endpoint
    ));
    let token = token.unwrap_or_else(|| {
        say::line("# JWT_PUBLIC_KEY or JWT_SECRET is set, so the token is yours to make:");
        "...".to_owned()
    });
    say::line(&transcript(port, &token));
    Ok(())
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
curl -sS -X PUT "$(printf %s "$UPLOAD" | sed 's/.*"presignedUrl":"\([^"]*\)".*/\1/')" --upload-file /tmp/hello.txt -H "Content-Type: text/plain"
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
    fn the_transcript_names_port_and_token_once_each_where_it_must() {
        let text = transcript(3001, "t.o.k");
        assert_eq!(text.matches("http://localhost:3001/").count(), 5);
        assert_eq!(text.matches("t.o.k").count(), 1);
    }
}
