//! What is in the bucket, by the word of the S3 server itself.

use std::collections::BTreeMap;
use std::path::Path;

use slipway_e2e::BUCKET;
use slipway_local::s3::{EventName, ObjectEvent, S3Options, S3Server};
use tokio::sync::mpsc::UnboundedReceiver;

/// A bucket and all that happened in it.
pub(crate) struct Bucket {
    server: S3Server,
    events: UnboundedReceiver<ObjectEvent>,
    objects: BTreeMap<String, ObjectEvent>,
}

impl Bucket {
    pub(crate) async fn start(root: &Path) -> Self {
        let (server, events) = S3Server::start(S3Options {
            root: root.to_owned(),
            bucket: BUCKET.to_owned(),
            region: "us-east-1".to_owned(),
            access_key: "test".to_owned(),
            secret_key: "test-secret".to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
        })
        .await
        .expect("the S3 server starts");
        Self {
            server,
            events,
            objects: BTreeMap::new(),
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// The next change.
    pub(crate) async fn told(&mut self) -> ObjectEvent {
        let event = self.events.recv().await.expect("an event");
        self.note(event.clone());
        event
    }

    /// Size and `ETag` of each object. Every change is told before its request is answered.
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

    fn note(&mut self, event: ObjectEvent) {
        let known = self.objects.get(&event.key);
        if known.is_none_or(|known| known.sequencer < event.sequencer) {
            self.objects.insert(event.key.clone(), event);
        }
    }
}
