//! Events of S3 and results of the scanner arrive.

use serde_json::{Value, json};
use slipway_emulators::s3::ObjectEvent;

use super::content::Content;
use super::history::Shape;
use super::play::{Check, Play, same};
use super::wrap;

/// A result of the scanner.
#[derive(Clone)]
pub(super) struct Scan {
    file: usize,
    bytes: Content,
    clean: bool,
    event: Value,
}

impl Play<'_> {
    /// The scanner scans an object, and tags it.
    pub(super) fn scan(&mut self, file: usize, clean: bool) {
        let Some(stored) = &self.model.files[file].object else {
            return;
        };
        let bytes = stored.bytes;
        let event = self
            .deployment
            .scan(self.key(file), &self.etags[&bytes], clean);
        self.model.files[file].clean = clean;
        self.pictures.push((event.clone(), 0));
        self.scans.push(Scan {
            file,
            bytes,
            clean,
            event,
        });
    }

    /// The scanner scans every file whose row has no result.
    pub(super) fn scan_rest(&mut self) {
        for file in 0..self.model.files.len() {
            let one = &self.model.files[file];
            if one.live().is_some() && one.scan.is_none() {
                self.scan(file, true);
            }
        }
    }

    pub(super) async fn scan_event(&mut self, which: usize, again: bool) -> Check {
        let Some(at) = which.checked_rem(self.scans.len()) else {
            return Ok(());
        };
        let scan = if again {
            self.scans[at].clone()
        } else {
            self.scans.remove(at)
        };
        self.deliver_scan(scan).await
    }

    async fn deliver_scan(&mut self, scan: Scan) -> Check {
        let answer = self.app().deliver(scan.event).await;
        answer.map_err(|error| format!("scan: {error}"))?;
        self.model.scanned(scan.file, scan.bytes, scan.clean);
        Ok(())
    }

    pub(super) async fn event(&mut self, which: usize, shape: Shape, again: bool) -> Check {
        let Some(at) = which.checked_rem(self.events.len()) else {
            return Ok(());
        };
        let event = if again {
            self.events[at].clone()
        } else {
            self.events.remove(at)
        };
        self.deliver(&event, shape).await
    }

    async fn deliver(&mut self, event: &ObjectEvent, shape: Shape) -> Check {
        let wrapped = wrap::wrapped(event, shape);
        let answer = self
            .app()
            .deliver(wrapped)
            .await
            .map_err(|error| format!("event: {error}"))?;
        let files = 0..self.presigned.len();
        // An event of an object of an earlier history has no file.
        let Some(file) = files.into_iter().find(|file| self.key(*file) == event.key) else {
            return Err(format!("an event about {}", event.key));
        };
        let finding = self.model.event(file);
        match shape {
            Shape::Direct | Shape::EventBridge => {
                let numbers = answer.as_object().unwrap().iter();
                let found: Vec<_> = numbers.filter(|(_, number)| **number != 0).collect();
                same("event", &found, &vec![(&finding.to_owned(), &json!(1))])
            }
            Shape::Sqs => same("event", &answer, &json!({ "batchItemFailures": [] })),
            Shape::SqsTwice => {
                self.model.event(file);
                same("events", &answer, &json!({ "batchItemFailures": [] }))
            }
        }
    }

    /// All events arrive.
    pub(super) async fn quiet(&mut self) -> Check {
        for scan in std::mem::take(&mut self.scans) {
            self.deliver_scan(scan).await?;
        }
        self.hear().await;
        // Removing refused or deleted objects sends events as well.
        while !self.events.is_empty() {
            for event in std::mem::take(&mut self.events) {
                self.deliver(&event, Shape::Direct).await?;
            }
            self.hear().await;
        }
        Ok(())
    }
}
