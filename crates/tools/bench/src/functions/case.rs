//! The requests of the benchmark, the same for every program, as API Gateway's HTTP API sends them.

use clap::ValueEnum;
use serde_json::{Value, json};
use slipway_emulators::gateway::GatewayEvent;

use super::world::{BenchServers, DELETER, LISTER, SAVER};

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Case {
    /// One upload URL.
    Presign,
    /// A list of a hundred rows with a URL each.
    Files,
    /// `HeadObject` and a row.
    Save,
    /// The same, and detection of the content type from the first bytes: Slipway's default.
    Look,
    /// Deletes a row and its object.
    Delete,
}

impl Case {
    /// The cases of all programs. The baselines never read the bytes.
    pub(super) const SHARED: [Self; 4] = [Self::Presign, Self::Files, Self::Save, Self::Delete];

    /// Slipway's function for the case.
    pub(super) fn function(self) -> &'static str {
        match self {
            Self::Presign => "presign",
            Self::Files => "files",
            Self::Save | Self::Look => "save-metadata",
            Self::Delete => "delete",
        }
    }

    /// The name in a table.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Presign => "presign",
            Self::Files => "files, 100 rows",
            Self::Save => "save-metadata",
            Self::Look => "save-metadata with a look at the bytes",
            Self::Delete => "delete",
        }
    }

    /// The event of request number `at`. Each records or deletes another file.
    pub(super) fn event(self, world: &BenchServers, at: usize) -> String {
        match self {
            Self::Presign => {
                let body = json!({ "fileName": "holiday photo.jpg", "contentType": "image/jpeg", "size": 1_234_567 });
                event(SAVER, "POST", "/presign-upload", Some(&body))
            }
            Self::Files => event(LISTER, "GET", "/files?limit=100", None),
            Self::Save | Self::Look => {
                let key = world.keys[at].as_str();
                // The baselines take the name from the client. Slipway reads it from S3.
                let body = json!({ "objectKey": key, "fileName": "holiday photo.jpg", "publicFileUrl": "https://example.com" });
                event(SAVER, "POST", "/save-metadata", Some(&body))
            }
            Self::Delete => {
                let path = format!("/files/{}", world.deletable(at));
                event(DELETER, "DELETE", &path, None)
            }
        }
    }

    /// Whether `answer` is a correct response, so that no program is fast by doing nothing.
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

/// A request from a browser, behind a JWT authorizer.
fn event(user: &str, method: &str, target: &str, body: Option<&Value>) -> String {
    const HOST: &str = "abcdefghij.execute-api.us-east-1.amazonaws.com";
    let token = "e".repeat(600);
    let headers = [
        ("accept", "*/*"),
        ("accept-encoding", "gzip, deflate, br"),
        ("content-length", "100"),
        ("host", HOST),
        ("origin", "https://app.example.com"),
        ("referer", "https://app.example.com/"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
        ),
        (
            "x-amzn-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
        ),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-port", "443"),
        ("x-forwarded-proto", "https"),
    ];
    let claims = json!({
        "aud": "slipway", "exp": 1_795_255_200, "iat": 1_795_251_600, "iss": "https://issuer.example.com/", "sub": user,
    });
    let path = target.split('?').next().unwrap_or_default();
    let pattern = match path.strip_prefix("/files/") {
        Some(_) => "/files/{id}",
        None => path,
    };
    let mut event = GatewayEvent::new(method, target)
        .route(pattern)
        .bearer(&token)
        .claims(&claims);
    for (name, value) in headers {
        event = event.header(name, value);
    }
    if let Some(body) = body {
        event = event.json(body);
    }
    let context = &mut event.0["requestContext"];
    context["accountId"] = "123456789012".into();
    context["apiId"] = "abcdefghij".into();
    context["domainName"] = HOST.into();
    context["domainPrefix"] = "abcdefghij".into();
    context["http"]["userAgent"] = "Mozilla/5.0".into();
    context["time"] = "21/Nov/2026:08:00:00 +0000".into();
    context["timeEpoch"] = 1_795_248_000_000_u64.into();
    event.0.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_checked() {
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
