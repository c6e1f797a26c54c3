//! Previews: what always holds, and what holds when `preview` has processed its events.

use std::collections::{BTreeMap, BTreeSet};

use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};

use super::play::{Check, PREVIEW, Play, same};

/// Live files whose row says that its bytes have a preview, or why they have none.
const DECIDED: &str = "\
SELECT object_key, preview_error IS NULL FROM s3_files WHERE deleted_at IS NULL AND preview_etag = etag";

/// An event is delivered so often until it succeeds. Its file may not be recorded at first.
const DELIVERIES: usize = 4;

impl Play<'_> {
    /// `preview` gets one of its events. It stays in the queue if it fails.
    pub(super) async fn preview(&mut self, which: usize, again: bool) -> Check {
        let Some(at) = which.checked_rem(self.pictures.len()) else {
            return Ok(());
        };
        let (event, deliveries) = &mut self.pictures[at];
        *deliveries += 1;
        let payload = json!({ "Records": [{
            "messageId": "message",
            "body": event.to_string(),
            "eventSource": "aws:sqs",
            "attributes": { "ApproximateReceiveCount": deliveries.to_string() },
        }] });
        let answer = self.invoke_preview(payload).await?;
        let failed = answer["batchItemFailures"].as_array().map(Vec::len);
        if failed == Some(0) && !again {
            self.pictures.remove(at);
        }
        Ok(())
    }

    pub(super) async fn make_missing(&self) -> Check {
        let answer = self.invoke_preview(json!({ "missing": true })).await?;
        same("missing previews", &answer, &json!({ "left": false }))
    }

    async fn invoke_preview(&self, payload: Value) -> Result<Value, String> {
        let event = LambdaEvent::new(payload, Context::default());
        let answer = Box::pin(self.deployment.preview.handle(event)).await;
        answer.map_err(|error| format!("preview: {error}"))
    }

    /// A preview that the API shows is of the bytes that the API shows.
    pub(super) async fn check_previews(&self) -> Check {
        self.decided().await.map(drop)
    }

    /// All events have reached `preview`. Every picture has its preview, all other files have a
    /// reason for none, and there are no other previews.
    pub(super) async fn make_all_previews(&mut self) -> Check {
        for _ in 0..DELIVERIES {
            for at in (0..self.pictures.len()).rev() {
                self.preview(at, false).await?;
            }
        }
        same("events of previews", &self.pictures.len(), &0)?;
        self.make_missing().await?;
        // A threat is not decoded. It may have the preview of earlier bytes, or of its own from
        // before the scanner's last word, which the API does not show.
        let gated = self.deployment.gated;
        let is_threat = |at: usize| gated && self.model.files[at].scan != Some(true);
        let files = 0..self.model.files.len();
        let (threats, others): (Vec<usize>, Vec<usize>) = files
            .filter(|at| self.model.files[*at].live().is_some())
            .partition(|at| is_threat(*at));
        let threats: BTreeSet<&str> = threats.iter().map(|at| self.key(*at)).collect();
        let decided = self.decided().await?;
        let lives = others.iter().map(|at| {
            let stored = self.model.files[*at].live().unwrap();
            (self.key(*at).to_owned(), stored.bytes.is_picture())
        });
        let safe = decided.iter().filter(|(key, _)| !threats.contains(&***key));
        let safe: BTreeMap<String, bool> = safe.map(|(key, has)| (key.clone(), *has)).collect();
        same("decided previews", &safe, &lives.collect())?;
        let threats: BTreeSet<&str> = threats.into_iter().map(folder).collect();
        let objects = self.deployment.world.objects().await.into_iter();
        let found: BTreeSet<String> = objects
            .filter_map(|(key, _)| Some(key.strip_suffix(PREVIEW)?.to_owned()))
            .filter(|key| !threats.contains(&**key))
            .collect();
        let pictures = safe.iter().filter(|(_, has_preview)| **has_preview);
        let expected = pictures.map(|(key, _)| folder(key).to_owned()).collect();
        same("previews", &found, &expected)
    }

    /// The files for which a preview was made (`true`) or refused, after a comparison of each with
    /// the bytes of the row.
    async fn decided(&self) -> Result<BTreeMap<String, bool>, String> {
        let world = &self.deployment.world;
        let rows = world.sql().await.query(DECIDED, &[]).await.unwrap();
        let rows = rows.iter().map(|row| (row.get(0), row.get(1)));
        let decided: BTreeMap<String, bool> = rows.collect();
        for (key, has_preview) in &decided {
            let files = 0..self.model.files.len();
            let at = files.into_iter().find(|at| self.key(*at) == key).unwrap();
            let stored = self.model.files[at].live().unwrap();
            same("has a preview", has_preview, &stored.bytes.is_picture())?;
            if *has_preview {
                let found = world.object(&format!("{}{PREVIEW}", folder(key))).await;
                let expected = slipway_picture::preview(&stored.bytes.bytes()).unwrap();
                same("preview", &found, &Some(expected.bytes))?;
            }
        }
        Ok(decided)
    }
}

/// The key without the name.
fn folder(key: &str) -> &str {
    key.rsplit_once('/').unwrap().0
}
