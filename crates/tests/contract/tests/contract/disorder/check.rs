//! The invariants after each step, and at the end of a history.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;

use super::events::Event;
use super::model::{Row, Stored};
use super::play::{CONTENT_TYPE, Check, PREVIEW, Play, USERS, metadata, name, same};
use super::wrap;

/// [`metadata`] as Postgres spells it.
const STORED: &str = r#"{"a": "ü\"b"}"#;

impl Play<'_> {
    /// Table and usage equal the model's.
    pub(crate) async fn check_table(&self) -> Check {
        let files = self.model.files.iter().enumerate();
        let rows =
            files.filter_map(|(at, file)| Some((self.id(at).to_owned(), self.row(at, &file.row)?)));
        let usage = USERS
            .iter()
            .enumerate()
            .map(|(at, user)| (*user, self.model.usage(at)));
        let usage = usage.filter(|(_, usage)| *usage != (0, 0));
        let usage =
            usage.map(|(user, (files, bytes))| (user.to_owned(), number(files), number(bytes)));
        let found = self.deployment.table().await;
        same("rows and usage", &found, &(rows.collect(), usage.collect()))?;
        let mut events: Vec<String> = self
            .model
            .events
            .iter()
            .map(|one| self.described_event(one))
            .collect();
        events.sort();
        same("webhook events", &self.deployment.events().await, &events)
    }

    /// Each user sees exactly their own live files.
    pub(crate) async fn check_list(&self, user: usize) -> Check {
        self.is_list(&self.app().list(USERS[user]).await, user)
    }

    /// The expected row, in the format of the query.
    fn row(&self, at: usize, row: &Row) -> Option<String> {
        let user = USERS[self.model.files[at].user];
        match row {
            Row::None => None,
            Row::Live(stored) => {
                let scan = match self.model.files[at].scan {
                    None => "-",
                    Some(true) => "no_threats",
                    Some(false) => "threats",
                };
                Some(format!("live {scan} {}", self.described(at, stored)))
            }
            Row::Tombstone { why, removed, .. } => {
                let removed = if *removed { "t" } else { "f" };
                Some(format!("tombstone {user} {why} {removed}"))
            }
        }
    }

    /// The expected columns of a file, which its events have as well.
    fn described(&self, at: usize, stored: &Stored) -> String {
        let user = USERS[self.model.files[at].user];
        let (key, etag, size) = (self.key(at), &self.etags[&stored.bytes], stored.bytes.len());
        let second = self.began.unix_timestamp() + stored.second;
        let rule = self.model.files[at].rule.unwrap_or("-");
        let metadata = if stored.described.metadata {
            STORED
        } else {
            "{}"
        };
        let name = name(at, stored.described.name);
        format!("{user} {key} {size} {etag} {second} {rule} {metadata} {name}")
    }

    /// The expected event, in the format of the query.
    fn described_event(&self, event: &Event) -> String {
        let (kind, detail) = (event.kind, event.detail.unwrap_or("-"));
        let described = self.described(event.file, &event.stored);
        format!("{kind} {detail} {described}")
    }

    /// A user's live files, newest first, as a list must return them.
    fn lives(&self, user: usize) -> Vec<(usize, &Stored)> {
        let files = self.model.files.iter().enumerate().rev();
        files
            .filter(|(_, file)| file.user == user)
            .filter_map(|(at, file)| Some((at, file.live()?)))
            .collect()
    }

    fn is_list(&self, list: &[Value], user: usize) -> Check {
        let lives = self.lives(user);
        let keys = |file: &Value| file["objectKey"].clone();
        let expected: Vec<Value> = lives.iter().map(|(at, _)| self.key(*at).into()).collect();
        same(USERS[user], &list.iter().map(keys).collect(), &expected)?;
        list.iter()
            .zip(lives)
            .try_for_each(|(shown, (at, stored))| self.is_shown(shown, at, stored))
    }

    /// Whether `shown` is what the API must return for a file.
    pub(crate) fn is_shown(&self, shown: &Value, file: usize, stored: &Stored) -> Check {
        let (asked, rule) = (&self.model.files[file].asked, self.model.files[file].rule);
        let uploaded = self.began + Duration::seconds(stored.second);
        let mut expected = json!({
            "id": self.id(file),
            "objectKey": self.key(file),
            "fileName": name(file, stored.described.name),
            "contentType": CONTENT_TYPE,
            "size": stored.bytes.len(),
            "etag": self.etags[&stored.bytes],
            "checksumSha256": asked.checksum.then(|| wrap::checksum(&stored.bytes.bytes())),
            "checksumCrc64nvme": (!asked.checksum).then(|| wrap::crc64nvme(&stored.bytes.bytes())),
            "rule": rule,
            "metadata": if stored.described.metadata { metadata() } else { json!({}) },
            "uploadedAt": uploaded.format(&Rfc3339).unwrap(),
        });
        for name in ["url", "urlExpiresAt", "previewUrl"] {
            expected[name] = shown[name].clone();
        }
        same("file", shown, &expected)
    }

    /// The bucket has the objects of the model.
    pub(crate) async fn check_objects(&self) -> Check {
        let files = self.model.files.iter().enumerate();
        let objects: BTreeSet<_> = files
            .filter_map(|(at, file)| {
                let size = file.object.as_ref()?.bytes.len();
                Some((self.key(at).to_owned(), number(size)))
            })
            .collect();
        let found = self.deployment.world.objects().await.into_iter();
        let found = found.filter(|(key, _)| !key.ends_with(PREVIEW)).collect();
        same("objects", &found, &objects)
    }

    /// All events have arrived: rows, objects and usage agree, and every URL returns the last
    /// bytes.
    pub(crate) async fn check_end(&self) -> Check {
        for (at, file) in self.model.files.iter().enumerate() {
            // The model must have settled as well.
            let same_in_list = match (file.live(), &file.object) {
                (Some(row), Some(object)) => row.is_listed_as(object),
                (row, object) => row.is_none() && object.is_none(),
            };
            same("row and object", &same_in_list, &true)?;
            for (user, name) in USERS.iter().enumerate() {
                let answer = self
                    .app()
                    .get(name, &format!("/files/{}", self.id(at)))
                    .await;
                match file.live() {
                    Some(stored) if user == file.user => {
                        let shown = &answer.expect(200)["file"];
                        self.is_shown(shown, at, stored)?;
                        let etag = &self.etags[&stored.bytes];
                        self.deployment.scan(self.key(at), etag, true);
                        let bytes = self.app().read(&shown["url"]).await.bytes().await.unwrap();
                        same("bytes", &bytes.to_vec(), &stored.bytes.bytes())?;
                    }
                    _ => same(
                        "another's or deleted",
                        &(answer.status, answer.code()),
                        &(404, "not_found"),
                    )?,
                }
            }
        }
        for (at, user) in USERS.into_iter().enumerate() {
            let (mut list, mut next) = (Vec::new(), String::new());
            loop {
                let page = self
                    .app()
                    .get(user, &format!("/files?limit=2{next}"))
                    .await
                    .expect(200);
                list.extend(page["files"].as_array().unwrap().iter().cloned());
                let Some(cursor) = page["nextCursor"].as_str() else {
                    break;
                };
                next = format!("&cursor={cursor}");
            }
            self.is_list(&list, at)?;
            let (files, bytes) = self.app().usage(user).await;
            let usage = (
                usize::try_from(files).unwrap(),
                usize::try_from(bytes).unwrap(),
            );
            same("usage", &usage, &self.model.usage(at))?;
        }
        Ok(())
    }
}

/// Sizes as Postgres and S3 count them.
fn number(number: usize) -> i64 {
    number.try_into().unwrap()
}
