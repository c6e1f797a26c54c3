//! What is asked of every program: the same requests, as API Gateway's HTTP API sends them.

use clap::ValueEnum;
use serde_json::{Value, json};

use super::world::{DELETER, LISTER, SAVER, World};

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Case {
    /// One upload URL.
    Presign,
    /// A hundred rows, each with a URL.
    Files,
    /// `HeadObject` and a row.
    Save,
    /// The same, and a look at the first bytes: what Slipway does unless told not to.
    Look,
    /// A row, and its object.
    Delete,
}

impl Case {
    /// What all programs do. The tutorials never look at the bytes.
    pub(super) const SHARED: [Self; 4] = [Self::Presign, Self::Files, Self::Save, Self::Delete];

    /// Slipway's function for it.
    pub(super) fn function(self) -> &'static str {
        match self {
            Self::Presign => "presign",
            Self::Files => "files",
            Self::Save | Self::Look => "save-metadata",
            Self::Delete => "delete",
        }
    }

    /// How a table calls it.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Presign => "presign",
            Self::Files => "files, 100 rows",
            Self::Save => "save-metadata",
            Self::Look => "save-metadata with a look at the bytes",
            Self::Delete => "delete",
        }
    }

    /// The event of the request number `at`; each records or deletes another file.
    pub(super) fn event(self, world: &World, at: usize) -> String {
        match self {
            Self::Presign => {
                let body = json!({ "fileName": "holiday photo.jpg", "contentType": "image/jpeg", "size": 1_234_567 });
                event(SAVER, "POST", "/presign-upload", "", Some(&body))
            }
            Self::Files => event(LISTER, "GET", "/files", "limit=100", None),
            Self::Save | Self::Look => {
                let key = world.keys[at].as_str();
                // The tutorials take the name from the client; Slipway has it from S3.
                let body = json!({ "objectKey": key, "fileName": "holiday photo.jpg", "publicFileUrl": "https://example.com" });
                event(SAVER, "POST", "/save-metadata", "", Some(&body))
            }
            Self::Delete => {
                let path = format!("/files/{}", world.deletable(at));
                event(DELETER, "DELETE", &path, "", None)
            }
        }
    }

    /// Whether `answer` is what was asked for: nobody is fast by doing nothing.
    pub(super) fn accepts(self, answer: &[u8]) -> bool {
        let Ok(answer) = serde_json::from_slice::<Value>(answer) else {
            return false;
        };
        if !matches!(answer["statusCode"].as_u64(), Some(200 | 201)) {
            return false;
        }
        let body = answer["body"].as_str().unwrap_or_default();
        let Ok(body) = serde_json::from_str::<Value>(body) else {
            return false;
        };
        let signed = |url: &Value| {
            url.as_str()
                .is_some_and(|url| url.contains("X-Amz-Signature="))
        };
        body["success"] == true
            && match self {
                Self::Presign => signed(&body["presignedUrl"]),
                Self::Files => body["files"].as_array().is_some_and(|files| {
                    files.len() == 100 && files.iter().all(|file| signed(&file["url"]))
                }),
                Self::Save | Self::Look | Self::Delete => true,
            }
    }
}

/// Payload format 2.0, behind a JWT authorizer.
fn event(user: &str, method: &str, path: &str, query: &str, body: Option<&Value>) -> String {
    let id = path.strip_prefix("/files/");
    let route = id.map_or_else(
        || format!("{method} {path}"),
        |_| format!("{method} /files/{{id}}"),
    );
    let mut event = json!({
        "version": "2.0", "routeKey": route, "rawPath": path, "rawQueryString": query,
        "headers": {
            "accept": "*/*", "accept-encoding": "gzip, deflate, br", "authorization": format!("Bearer {}", "e".repeat(600)),
            "content-length": "100", "content-type": "application/json", "host": "abcdefghij.execute-api.us-east-1.amazonaws.com",
            "origin": "https://app.example.com", "referer": "https://app.example.com/",
            "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
            "x-amzn-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700", "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443", "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "123456789012", "apiId": "abcdefghij",
            "authorizer": { "jwt": { "claims": {
                "aud": "slipway", "exp": "1795255200", "iat": "1795251600", "iss": "https://issuer.example.com/", "sub": user,
            }, "scopes": null } },
            "domainName": "abcdefghij.execute-api.us-east-1.amazonaws.com", "domainPrefix": "abcdefghij",
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "Mozilla/5.0" },
            "requestId": "JKJaXmPLvHcESHA=", "routeKey": route, "stage": "$default",
            "time": "21/Nov/2026:08:00:00 +0000", "timeEpoch": 1_795_248_000_000_u64,
        },
        "isBase64Encoded": false,
    });
    if let Some(body) = body {
        event["body"] = body.to_string().into();
    }
    if let Some(id) = id {
        event["pathParameters"] = json!({ "id": id });
    }
    if let Some((name, value)) = query.split_once('=') {
        event["queryStringParameters"] = json!({ name: value });
    }
    event.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_looked_at() {
        let answer = |status: u64, body: &Value| {
            json!({ "statusCode": status, "body": body.to_string() }).to_string()
        };
        let url = "https://s3/key?X-Amz-Signature=0";
        let signed = json!({ "success": true, "presignedUrl": url });
        assert!(Case::Presign.accepts(answer(200, &signed).as_bytes()));
        assert!(!Case::Presign.accepts(answer(500, &signed).as_bytes()));
        let unsigned = json!({ "success": true, "presignedUrl": "https://s3/key" });
        assert!(!Case::Presign.accepts(answer(200, &unsigned).as_bytes()));
        let list = |count| json!({ "success": true, "files": vec![json!({ "url": url }); count] });
        assert!(Case::Files.accepts(answer(200, &list(100)).as_bytes()));
        assert!(!Case::Files.accepts(answer(200, &list(99)).as_bytes()));
        assert!(!Case::Delete.accepts(b"{}"));
    }
}
