//! The client's side (presign, PUT, confirm), and the delivery of S3's events.

use serde_json::{Value, json};
use slipway_emulators::s3::ObjectEvent;

use super::{Answer, App, World};

/// How the pending events are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Events {
    /// Each once, in order.
    Once,
    /// Each twice.
    Doubled,
    /// The last one first.
    Reversed,
    /// None.
    Dropped,
}

impl App {
    /// The presign response to `body`, which must succeed.
    pub(crate) async fn presign(&self, user: &str, body: Value) -> Value {
        self.post(user, "/presign-upload", body).await.expect(200)
    }

    /// The response of `save-metadata` for a presigned upload.
    pub(crate) async fn save(&self, user: &str, presigned: &Value) -> Answer {
        let body = json!({ "objectKey": presigned["objectKey"] });
        self.post(user, "/save-metadata", body).await
    }

    /// As [`put`], with a connection that is open already.
    pub(crate) async fn put(&self, presigned: &Value, bytes: &[u8]) -> reqwest::Response {
        put_by(&self.http, presigned, bytes).await
    }

    /// Presigns as the tutorials do and PUTs. Returns the presign response. The upload is not
    /// confirmed.
    pub(crate) async fn put_new(&self, user: &str, name: &str, kind: &str, bytes: &[u8]) -> Value {
        let mut ask = json!({ "fileName": name, "contentType": kind });
        if self.env.contains_key("USER_QUOTA_BYTES") {
            ask["size"] = bytes.len().into();
        }
        let presigned = self.presign(user, ask).await;
        let response = self.put(&presigned, bytes).await;
        assert_eq!(response.status(), 200, "{:?}", response.text().await);
        presigned
    }

    /// Presigns, PUTs and confirms. Returns the `file`.
    pub(crate) async fn upload(&self, user: &str, name: &str, kind: &str, bytes: &[u8]) -> Value {
        let presigned = self.put_new(user, name, kind, bytes).await;
        self.save(user, &presigned).await.expect(201)["file"].clone()
    }

    /// A plain GET of a read URL.
    pub(crate) async fn read(&self, url: &Value) -> reqwest::Response {
        let url = url.as_str().expect("a URL");
        self.http.get(url).send().await.unwrap()
    }

    /// `GET /usage` as files and bytes.
    pub(crate) async fn usage(&self, user: &str) -> (u64, u64) {
        let usage = self.get(user, "/usage").await.expect(200);
        let number = |name: &str| usage[name].as_u64().expect(name);
        (number("files"), number("bytes"))
    }

    /// All files of `user`, on one page.
    pub(crate) async fn list(&self, user: &str) -> Vec<Value> {
        let page = self.get(user, "/files?limit=1000").await.expect(200);
        assert_eq!(page["nextCursor"], Value::Null);
        page["files"].as_array().expect("files").clone()
    }
}

impl World {
    /// Takes the events of S3 since the last call.
    pub(crate) async fn take_events(&self) -> Vec<ObjectEvent> {
        let mut events = self.events.lock().await;
        std::iter::from_fn(|| events.try_recv().ok()).collect()
    }

    /// The same as notifications.
    pub(crate) async fn notifications(&self) -> Vec<Value> {
        let take_events = self.take_events().await;
        take_events
            .iter()
            .map(ObjectEvent::to_s3_notification)
            .collect()
    }

    /// Delivers the events of S3 to `record-upload`, and returns its reports.
    pub(crate) async fn deliver_events(&self, how: Events) -> Vec<Value> {
        let mut notifications = self.notifications().await;
        match how {
            Events::Once => {}
            Events::Doubled => {
                notifications = notifications
                    .iter()
                    .flat_map(|e| [e.clone(), e.clone()])
                    .collect();
            }
            Events::Reversed => notifications.reverse(),
            Events::Dropped => notifications.clear(),
        }
        let mut reports = Vec::new();
        for event in notifications {
            reports.push(self.deliver(event).await.unwrap());
        }
        reports
    }
}

/// PUTs `bytes` with exactly the headers of the presign response.
pub(crate) async fn put(presigned: &Value, bytes: &[u8]) -> reqwest::Response {
    put_by(&reqwest::Client::new(), presigned, bytes).await
}

async fn put_by(client: &reqwest::Client, presigned: &Value, bytes: &[u8]) -> reqwest::Response {
    let url = presigned["presignedUrl"].as_str().expect("a URL");
    let mut request = client.put(url).body(bytes.to_vec());
    // Browsers and curl send it for an empty body too.
    request = request.header("content-length", bytes.len());
    for (name, value) in presigned["headers"].as_object().expect("headers") {
        request = request.header(name, value.as_str().expect("a header"));
    }
    request.send().await.unwrap()
}

/// Status and code of an error of S3.
pub(crate) async fn failed(response: reqwest::Response) -> (u16, String) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let code = text
        .split("<Code>")
        .nth(1)
        .and_then(|rest| rest.split("</Code>").next());
    (status, code.unwrap_or_default().to_owned())
}
