//! The contents of the bucket, followed by the events of the S3 server.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use slipway_emulators::s3::{EventName, NO_THREATS_FOUND, ObjectEvent, S3Server};
use slipway_processes::s3_options;
use tokio::sync::mpsc::UnboundedReceiver;

/// A bucket, and the events of all its changes.
pub(crate) struct Bucket {
    server: S3Server,
    root: PathBuf,
    events: UnboundedReceiver<ObjectEvent>,
    objects: BTreeMap<String, ObjectEvent>,
}

impl Bucket {
    pub(crate) async fn start(root: &Path) -> Self {
        let (server, events) = launch(root).await;
        Self {
            server,
            root: root.to_owned(),
            events,
            objects: BTreeMap::new(),
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// The scanner finds an object clean. Returns its event.
    pub(crate) fn scan(&self, of: &ObjectEvent) -> Value {
        let scanner = self.server.scanner();
        scanner.report(&of.key, &of.etag, NO_THREATS_FOUND)
    }

    /// Waits for the next change.
    pub(crate) async fn next_event(&mut self) -> ObjectEvent {
        let event = self.events.recv().await.expect("an event");
        self.note(event.clone());
        event
    }

    /// Size and `ETag` of each object. The server sends an event before it responds to the request.
    pub(crate) fn objects(&mut self) -> BTreeMap<String, (u64, String)> {
        while let Ok(event) = self.events.try_recv() {
            self.note(event);
        }
        let there = self.objects.values();
        there
            .filter(|event| event.name != EventName::Delete)
            .map(|event| (event.key.clone(), (event.size, event.etag.clone())))
            .collect()
    }

    /// Restarts the server at another port. Multipart uploads then appear to have begun `days`
    /// earlier.
    pub(crate) async fn age_uploads(&mut self, days: i64) {
        self.objects();
        for folder in fs::read_dir(self.root.join("uploads")).expect("its folder") {
            let path = folder.expect("an upload").path().join("upload.json");
            let about = fs::read(&path).expect("what the server wrote");
            let mut about: Value = serde_json::from_slice(&about).expect("JSON");
            let begun = about["initiated"].as_i64().expect("seconds");
            about["initiated"] = (begun - days * 24 * 3600).into();
            fs::write(&path, about.to_string()).expect("it is writable");
        }
        (self.server, self.events) = launch(&self.root).await;
    }

    fn note(&mut self, event: ObjectEvent) {
        let known = self.objects.get(&event.key);
        if known.is_none_or(|known| known.sequencer < event.sequencer) {
            self.objects.insert(event.key.clone(), event);
        }
    }
}

async fn launch(root: &Path) -> (S3Server, UnboundedReceiver<ObjectEvent>) {
    S3Server::start(s3_options(root))
        .await
        .expect("the S3 server starts")
}
