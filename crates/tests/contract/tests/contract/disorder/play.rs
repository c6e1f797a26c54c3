//! Plays a history against the functions and the model, and compares their responses.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};
use slipway_emulators::s3::ObjectEvent;
use slipway_maintain::Task;
use time::{Duration, OffsetDateTime};

use super::arrivals::Scan;
use super::content::{Content, RequestedUpload};
use super::deployment::Deployment;
use super::history::{History, Step};
use super::model::{AGE, Model};
use super::wrap;
use crate::world::App;

/// The type of every file.
pub(crate) const CONTENT_TYPE: &str = "image/gif";

/// The end of a preview's key.
pub(crate) const PREVIEW: &str = "/!preview";

pub(crate) const USERS: [&str; 2] = ["alice", "bob"];

/// A description of the difference.
pub(crate) type Check = Result<(), String>;

/// A history that is being played.
pub(crate) struct Play<'a> {
    pub(crate) deployment: &'a Deployment,
    pub(crate) model: Model,
    /// The presign response of each file of the model.
    pub(crate) presigned: Vec<Value>,
    /// The keys of the objects.
    pub(crate) etags: HashMap<Content, String>,
    /// The true time at which S3's clock was 0: an hour before the end of the history.
    pub(crate) began: OffsetDateTime,
    /// Events that have not arrived yet.
    pub(super) events: Vec<ObjectEvent>,
    /// Results of the scanner that have not arrived yet.
    pub(super) scans: Vec<Scan>,
    /// Events that `preview` has not processed yet, and how often it got each.
    pub(super) pictures: Vec<(Value, u32)>,
    /// Every read URL that was ever returned, by file.
    urls: BTreeSet<(usize, String)>,
}

/// Plays `history` from an empty deployment to its end, and settles it.
pub(crate) async fn play(deployment: &Deployment, history: &History) -> Check {
    deployment.clear().await;
    let ages = history
        .steps
        .iter()
        .filter(|step| matches!(step, Step::Age));
    let young: i64 = ages.map(|_| AGE).sum();
    let began = OffsetDateTime::now_utc() - Duration::hours(1) - Duration::seconds(young);
    let mut play = Play {
        deployment,
        model: Model {
            limits: history.limits,
            young,
            ..Model::default()
        },
        presigned: Vec::new(),
        etags: HashMap::new(),
        began: began.truncate_to_second(),
        events: Vec::new(),
        scans: Vec::new(),
        pictures: Vec::new(),
        urls: BTreeSet::new(),
    };
    play.set_clock();
    for (at, step) in history.steps.iter().enumerate() {
        let done = play.step_and_check(step, at % USERS.len()).await;
        done.map_err(|error| format!("step {}, {step:?}: {error}", at + 1))?;
    }
    let settled = play.settle().await;
    settled.map_err(|error| format!("once all is delivered and maintained: {error}"))
}

impl Play<'_> {
    pub(crate) fn app(&self) -> &App {
        self.deployment.app(self.model.limits, false)
    }

    /// The file that a step refers to, if there is one.
    pub(super) fn file(&self, back: usize) -> Option<usize> {
        let files = self.presigned.len();
        let back = back.checked_rem(files)?;
        Some(files - 1 - back)
    }

    pub(crate) fn id(&self, file: usize) -> &str {
        self.presigned[file]["id"].as_str().unwrap()
    }

    pub(crate) fn key(&self, file: usize) -> &str {
        self.presigned[file]["objectKey"].as_str().unwrap()
    }

    fn set_clock(&self) {
        let now = self.began + Duration::seconds(self.model.second);
        self.deployment.world.server.stop_clock(now);
    }

    /// Takes the new events of S3.
    pub(super) async fn hear(&mut self) {
        let mut events = self.deployment.world.take_events().await;
        // A preview is not a file: the functions ignore its events.
        events.retain(|event| !event.key.ends_with(PREVIEW));
        self.pictures
            .extend(events.iter().map(|event| (event.to_eventbridge(), 0)));
        self.events.extend(events);
    }

    /// Compares the table after each step, and what each user sees of it after every other.
    async fn step_and_check(&mut self, step: &Step, user: usize) -> Check {
        self.step(step).await?;
        self.hear().await;
        self.check_table().await?;
        self.check_previews().await?;
        self.check_list(user).await
    }

    async fn step(&mut self, step: &Step) -> Check {
        match step {
            Step::Presign { user, asked, put } => self.presign(*user, asked, *put).await,
            Step::Second => {
                self.model.second += 1;
                self.set_clock();
                Ok(())
            }
            Step::Age => {
                self.model.age();
                self.set_clock();
                let age = "UPDATE s3_files SET deleted_at = deleted_at - interval '37 hours';
                    UPDATE maintenance_removals SET reserved_at = reserved_at - interval '37 hours'";
                self.deployment.sql(age).await;
                Ok(())
            }
            Step::Limit { limits } => {
                self.model.limits = *limits;
                Ok(())
            }
            Step::Quiet => self.quiet().await,
            Step::Restore => {
                self.model.second += 1;
                self.set_clock();
                self.deployment.restore().await;
                self.model.restore();
                Ok(())
            }
            Step::LoseDatabase => {
                self.deployment.lose().await;
                self.model.lose_database();
                Ok(())
            }
            Step::Maintain {
                deletes,
                reconcile,
                force,
            } => self.maintain(*deletes, *reconcile, *force).await,
            Step::Event {
                which,
                shape,
                again,
            } => self.event(*which, *shape, *again).await,
            Step::ScanEvent { which, again } => self.scan_event(*which, *again).await,
            Step::Preview { which, again } => self.preview(*which, *again).await,
            Step::MakeMissing => self.make_missing().await,
            Step::Lose { which } => {
                if let Some(at) = which.checked_rem(self.pictures.len()) {
                    self.pictures.remove(at);
                }
                if let Some(at) = which.checked_rem(self.events.len()) {
                    self.events.remove(at);
                }
                Ok(())
            }
            Step::DeleteMany { by, files } => self.delete_many(*by, files).await,
            Step::SaveMany { by, files } => self.save_many(*by, files).await,
            Step::Put { file, .. }
            | Step::Save { file, .. }
            | Step::Rename { file, .. }
            | Step::Delete { file, .. }
            | Step::Scan { file, .. }
            | Step::Read { file }
            | Step::Remove { file } => match self.file(*file) {
                Some(file) => self.step_with(step, file).await,
                None => Ok(()),
            },
        }
    }

    async fn step_with(&mut self, step: &Step, file: usize) -> Check {
        match step {
            Step::Put {
                other: Some(bytes), ..
            } => self.put(file, *bytes).await,
            Step::Put { .. } => self.put(file, self.model.files[file].asked.bytes).await,
            Step::Save { by, .. } => self.save(*by, file).await,
            Step::Scan { clean, .. } => {
                self.scan(file, *clean);
                Ok(())
            }
            Step::Read { .. } => self.read(file).await,
            Step::Rename {
                by, name, metadata, ..
            } => self.rename(*by, file, *name, *metadata).await,
            Step::Delete { by, .. } => {
                let answer = self.app().delete(USERS[*by], self.id(file)).await;
                let found = self.model.delete(*by, file);
                let expected = if found { (200, "") } else { (404, "not_found") };
                same("delete", &(answer.status, answer.code()), &expected)
            }
            _ => {
                self.deployment.world.remove_object(self.key(file)).await;
                self.model.files[file].object = None;
                Ok(())
            }
        }
    }

    async fn presign(&mut self, user: usize, asked: &RequestedUpload, put: bool) -> Check {
        let name = name(self.presigned.len(), 0);
        let mut ask = json!({ "fileName": name, "contentType": CONTENT_TYPE });
        if asked.size {
            ask["size"] = asked.bytes.len().into();
        }
        if asked.checksum {
            ask["checksumSha256"] = wrap::checksum(&asked.bytes.bytes()).into();
        }
        if asked.small {
            ask["rule"] = "small".into();
        }
        if asked.metadata {
            ask["metadata"] = metadata();
        }
        let app = self.deployment.app(self.model.limits, asked.once);
        let answer = app.post(USERS[user], "/presign-upload", ask).await;
        let expected = self.model.presign(user, asked.clone());
        same("presign", &(answer.status, answer.code()), &expected)?;
        if answer.status == 200 {
            self.presigned.push(answer.json);
            if put {
                self.put(self.presigned.len() - 1, asked.bytes).await?;
            }
        }
        Ok(())
    }

    async fn put(&mut self, file: usize, bytes: Content) -> Check {
        // S3 would respond with 403 because of its clock, which the test cannot set.
        if !self.model.files[file].url {
            return Ok(());
        }
        let response = self.app().put(&self.presigned[file], &bytes.bytes()).await;
        let (status, etag) = (
            response.status().as_u16(),
            response.headers().get("etag").cloned(),
        );
        let expected = self.model.put(file, bytes);
        if !expected.contains(&status) {
            return Err(format!("PUT: {status}, and not {expected:?}"));
        }
        if let Some(etag) = etag {
            let etag = etag.to_str().unwrap().trim_matches('"').to_owned();
            self.etags.insert(bytes, etag);
        }
        Ok(())
    }

    async fn read(&mut self, file: usize) -> Check {
        if self.model.files[file].live().is_some() {
            let user = USERS[self.model.files[file].user];
            let path = format!("/files/{}", self.id(file));
            let shown = self.app().get(user, &path).await.expect(200);
            let url = shown["file"]["url"].as_str().expect("a URL");
            self.urls.insert((file, url.to_owned()));
        }
        for (_, url) in self.urls.iter().filter(|(of, _)| *of == file) {
            let answer = self.app().http.get(url).send().await.unwrap();
            let status = answer.status().as_u16();
            let bytes = answer.bytes().await.unwrap().to_vec();
            let found = if status == 200 {
                Ok(bytes)
            } else {
                Err(status)
            };
            let expected = self.model.read(file, self.deployment.gated);
            same("read", &found, &expected.map(Content::bytes))?;
        }
        Ok(())
    }

    async fn maintain(&mut self, deletes: bool, reconcile: bool, force: bool) -> Check {
        let task = match (deletes, reconcile) {
            (true, false) => Task::Deletes,
            (false, true) => Task::Reconcile,
            _ => Task::All,
        };
        self.deployment
            .maintain(self.model.limits, task, force)
            .await?;
        if task != Task::Reconcile {
            self.model.finish_deletes();
        }
        if task != Task::Deletes {
            self.model.reconcile(force);
        }
        self.check_objects().await
    }

    /// All events arrive, and `maintain` runs. Bucket, table and usage then agree, whatever
    /// happened before.
    async fn settle(&mut self) -> Check {
        self.quiet().await?;
        self.maintain(true, true, true).await?;
        self.scan_rest();
        self.quiet().await?;
        self.check_table().await?;
        self.make_all_previews().await?;
        self.check_end().await
    }
}

/// The application's fields of a file that has any.
pub(crate) fn metadata() -> Value {
    json!({ "a": "ü\"b" })
}

/// The names of a file.
pub(crate) fn name(file: usize, variant: usize) -> String {
    ["Übung", "übung", "Unterordner/Übung"][variant].to_owned() + &format!(" {file}.txt")
}

pub(crate) fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Check {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: {found:?}, and not {expected:?}"))
    }
}
