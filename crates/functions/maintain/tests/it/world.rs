//! A bucket, a database, and maintenance of both, for the tests.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region, RequestChecksumCalculation};
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, EncodingType};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use slipway_core::env::Environment;
use slipway_core::{Error, FileId, FileName, ObjectKey, UserId};
use slipway_emulators::capture;
use slipway_emulators::s3::{KeyPair, S3Options, S3Server};
use slipway_maintain::{Count, Deadline, Maintain, Options, Report, Summary, Task};
use slipway_record::{Outcome, Recorder, Settings, Stores};
use slipway_testkit::TestDatabase;
use tempfile::TempDir;
use time::OffsetDateTime;

pub(crate) const BUCKET: &str = "uploads";
/// The administrator's access key.
const ACCESS_KEY: &str = "AKIATESTS";
const SECRET_KEY: &str = "the secret of the tests";

/// The context of a test.
pub(crate) struct World {
    pub(crate) database: TestDatabase,
    pub(crate) s3: Client,
    env: BTreeMap<String, String>,
    server: S3Server,
    _root: TempDir,
}

/// The result of a run and its counts.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) summary: Summary,
    pub(crate) report: Report,
}

impl Ran {
    /// The counts that are not zero, such as `objects 3, recorded 1`.
    pub(crate) fn numbers(&self) -> String {
        let numbers = self.report.to_json();
        let shown = |(name, value): (&String, &serde_json::Value)| {
            (value.as_u64() != Some(0)).then(|| format!("{name} {value}"))
        };
        numbers
            .iter()
            .filter_map(shown)
            .collect::<Vec<_>>()
            .join(", ")
    }
}

pub(crate) fn reconcile() -> Options {
    Options {
        task: Task::Reconcile,
        apply: true,
        ..Options::default()
    }
}

pub(crate) fn deletes() -> Options {
    Options {
        task: Task::Deletes,
        ..reconcile()
    }
}

pub(crate) fn uploads() -> Options {
    Options {
        task: Task::Uploads,
        ..reconcile()
    }
}

pub(crate) fn rebuild() -> Options {
    Options {
        rebuild: true,
        ..reconcile()
    }
}

/// Small pages and batches, so that few objects need several of them.
pub(crate) fn small(mut options: Options) -> Options {
    options.pace.page = 7;
    options.pace.batch = 3;
    options.pace.heads = 4;
    options
}

pub(crate) fn key(owner: &str, name: &str) -> ObjectKey {
    let owner = UserId::parse(owner).unwrap();
    ObjectKey::new(owner, FileId::new(), &FileName::parse(name).unwrap())
}

/// A recorder with its own connections, as client calls and events use it.
pub(crate) struct OwnRecorder {
    stores: Stores,
    settings: Settings,
}

impl OwnRecorder {
    pub(crate) async fn record(&self, key: &ObjectKey) -> Result<Outcome, Error> {
        Recorder::new(&self.stores, &self.settings)
            .record(key)
            .await
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let options = S3Options {
            root: root.path().to_owned(),
            bucket: BUCKET.to_owned(),
            region: "us-east-1".to_owned(),
            access_key: ACCESS_KEY.to_owned(),
            secret_key: SECRET_KEY.to_owned(),
            listen: ([127, 0, 0, 1], 0).into(),
        };
        let (server, _) = S3Server::start(options).await.unwrap();
        let database = slipway_testkit::database();
        let keys = KeyPair::new(ACCESS_KEY, SECRET_KEY).of_function("maintain-function");
        let env = [
            ("S3_BUCKET_NAME", BUCKET),
            ("S3_ENDPOINT", &server.endpoint()),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", &keys.access_key),
            ("AWS_SECRET_ACCESS_KEY", &keys.secret_key),
            ("DATABASE_URL", &database.url()),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        Self {
            s3: client(&server.endpoint()),
            database,
            env,
            server,
            _root: root,
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// Makes S3 date all later uploads `hours` hours back.
    pub(crate) fn upload_hours_ago(&self, hours: i64) {
        let then = OffsetDateTime::now_utc() - time::Duration::hours(hours);
        self.server.stop_clock(then);
    }

    /// The variables of this world, and those in `more`.
    pub(crate) fn variables(&self, more: &[(&str, &str)]) -> BTreeMap<String, String> {
        capture::environment(self.env.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        let mut env = self.env.clone();
        env.extend(more.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        env
    }

    pub(crate) async fn maintain(&self, more: &[(&str, &str)]) -> Maintain {
        let env: Environment = self.variables(more).into_iter().collect();
        Maintain::from_env(&env).await.unwrap()
    }

    pub(crate) async fn recorder(&self) -> OwnRecorder {
        let env: Environment = self.env.clone().into_iter().collect();
        OwnRecorder {
            settings: Settings::from_env(&env).unwrap(),
            stores: Stores::from_env(&env).await.unwrap(),
        }
    }

    /// Runs without a deadline.
    pub(crate) async fn run(&self, options: &Options) -> Ran {
        run(&self.maintain(&[]).await, options).await
    }

    /// Puts an object as a client does.
    pub(crate) async fn put(&self, key: &ObjectKey, name: &str, bytes: &[u8]) {
        self.s3
            .put_object()
            .bucket(BUCKET)
            .key(key.as_str())
            .content_type("text/plain")
            .metadata("name", URL_SAFE_NO_PAD.encode(name))
            .metadata("data", URL_SAFE_NO_PAD.encode(r#"{"album":"Ferien"}"#))
            .metadata("rule", "avatar")
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .body(bytes.to_vec().into())
            .send()
            .await
            .unwrap();
    }

    /// An object without a row.
    pub(crate) async fn object(&self, owner: &str) -> ObjectKey {
        let key = key(owner, "Über.txt");
        self.put(&key, "Über.txt", owner.as_bytes()).await;
        key
    }

    /// An object of `size` bytes without a row.
    pub(crate) async fn sized(&self, owner: &str, size: usize) -> ObjectKey {
        let key = key(owner, "a.txt");
        self.put(&key, "a.txt", &vec![b'x'; size]).await;
        key
    }

    /// A file: an object and its row.
    pub(crate) async fn file(&self, owner: &str) -> ObjectKey {
        let key = self.object(owner).await;
        let outcome = self.recorder().await.record(&key).await.unwrap();
        assert!(matches!(outcome, Outcome::Created(_)));
        key
    }

    /// Starts a multipart upload of one byte, with a row of the age `ago`. Returns S3's upload id.
    pub(crate) async fn begin(&self, key: &ObjectKey, ago: &str) -> String {
        let create = self.s3.create_multipart_upload().bucket(BUCKET);
        let created = create.key(key.as_str()).send().await.unwrap();
        let id = created.upload_id().unwrap().to_owned();
        self.sql(&format!(
            "INSERT INTO multipart_uploads (id, user_id, object_key, upload_id, file_name, content_type, size, part_size, created_at)
             VALUES ('{}', '{}', '{key}', '{id}', 'a', 'text/plain', 1, 5242880, now() - interval '{ago}')",
            key.id(),
            key.owner().as_str()
        ))
        .await;
        id
    }

    /// Completes a multipart upload.
    pub(crate) async fn finish(&self, key: &ObjectKey, id: &str) {
        let part = self.s3.upload_part().bucket(BUCKET).key(key.as_str());
        let part = part.upload_id(id).part_number(1).body(b"x".to_vec().into());
        let etag = part.send().await.unwrap().e_tag().unwrap().to_owned();
        let part = CompletedPart::builder().part_number(1).e_tag(etag).build();
        let parts = CompletedMultipartUpload::builder().parts(part).build();
        let complete = self.s3.complete_multipart_upload().bucket(BUCKET);
        let complete = complete.key(key.as_str()).upload_id(id);
        complete.multipart_upload(parts).send().await.unwrap();
    }

    /// The ids of S3's open uploads.
    pub(crate) async fn s3_uploads(&self) -> Vec<String> {
        let list = self.s3.list_multipart_uploads().bucket(BUCKET);
        let list = list.send().await.unwrap();
        let uploads = list.uploads().iter();
        uploads
            .map(|upload| upload.upload_id().unwrap().to_owned())
            .collect()
    }

    /// Deletes as the function does if S3 then fails: the object remains.
    pub(crate) async fn delete(&self, key: &ObjectKey) {
        let db = self.database.db();
        assert_eq!(
            db.delete_files(key.owner(), &[key.id()])
                .await
                .unwrap()
                .len(),
            1
        );
    }

    pub(crate) async fn remove_object(&self, key: &str) {
        let remove = self.s3.delete_object().bucket(BUCKET).key(key);
        remove.send().await.unwrap();
    }

    pub(crate) async fn sql(&self, sql: &str) {
        self.database
            .admin()
            .await
            .batch_execute(sql)
            .await
            .unwrap();
    }

    /// Expires the lease of every worker.
    pub(crate) async fn expire_leases(&self) {
        self.sql("UPDATE maintenance SET held_until = now() - interval '1 second' WHERE held_by IS NOT NULL")
            .await;
    }

    /// Every row of a table, in order.
    pub(crate) async fn rows(&self, table: &str) -> Vec<String> {
        let sql = format!("SELECT to_jsonb(t)::text FROM {table} AS t ORDER BY 1");
        let rows = self.database.admin().await.query(&sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The keys in the bucket, in order.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let list = self.s3.list_objects_v2().bucket(BUCKET);
        // Some keys contain characters that XML cannot represent.
        let list = list.encoding_type(EncodingType::Url);
        let (mut pages, mut keys) = (list.into_paginator().send(), Vec::new());
        while let Some(page) = pages.next().await {
            let page = page.unwrap();
            keys.extend(page.contents().iter().map(|object| {
                let key = percent_decode_str(object.key().unwrap());
                key.decode_utf8().unwrap().into_owned()
            }));
        }
        keys
    }

    /// The keys of live files, in order.
    pub(crate) async fn live(&self) -> Vec<String> {
        let sql = "SELECT object_key FROM s3_files WHERE deleted_at IS NULL ORDER BY object_key";
        let rows = self.database.admin().await.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// Checks the invariants: each object with a valid key has a live row that describes it as S3
    /// does, and usage is the sum of the rows.
    pub(crate) async fn check(&self) {
        let mut ours = self.keys().await;
        ours.retain(|key| ObjectKey::parse(key).is_ok());
        assert_eq!(self.live().await, ours, "rows and objects");
        let admin = self.database.admin().await;
        let rows = admin
            .query("SELECT object_key, size, etag, upload_timestamp::text FROM s3_files WHERE deleted_at IS NULL", &[])
            .await
            .unwrap();
        for row in rows {
            let (key, size, etag): (String, i64, String) = (row.get(0), row.get(1), row.get(2));
            let head = self
                .s3
                .head_object()
                .bucket(BUCKET)
                .key(&key)
                .send()
                .await
                .unwrap();
            assert_eq!(head.content_length(), Some(size), "{key}");
            assert_eq!(head.e_tag(), Some(format!("\"{etag}\"").as_str()), "{key}");
        }
        self.check_usage().await;
    }

    pub(crate) async fn check_usage(&self) {
        let drift = "SELECT user_id, coalesce(u.files, 0), coalesce(f.files, 0), coalesce(u.bytes, 0), coalesce(f.bytes, 0)::bigint
            FROM user_usage AS u FULL JOIN (
                SELECT user_id, count(*) AS files, sum(size) AS bytes FROM s3_files WHERE deleted_at IS NULL GROUP BY 1) AS f
            USING (user_id) WHERE (coalesce(u.files, 0), coalesce(u.bytes, 0)) <> (coalesce(f.files, 0), coalesce(f.bytes, 0))";
        let drifted = self.database.admin().await.query(drift, &[]).await.unwrap();
        assert!(
            drifted.is_empty(),
            "usage is the sum of live rows: {drifted:?}"
        );
    }
}

pub(crate) async fn run(maintain: &Maintain, options: &Options) -> Ran {
    let report = Report::default();
    let summary = maintain.run(options, Deadline::NEVER, &report).await;
    Ran { summary, report }
}

/// Repeats the run with a longer deadline each time until one finishes. Returns the number of runs.
pub(crate) async fn in_pieces(maintain: &Maintain, options: &Options, report: &Report) -> usize {
    let mut time = Duration::from_millis(5);
    for runs in 1.. {
        let deadline = Deadline::after(time);
        let summary = maintain.run(options, deadline, report).await;
        assert!(summary.stopped.is_none(), "{summary:?}");
        // It left no lease that would block the next run.
        assert_eq!(report.get(Count::Busy), 0);
        if summary.finished {
            return runs;
        }
        time = time.mul_f64(1.15);
    }
    unreachable!("some time is enough")
}

fn client(endpoint: &str) -> Client {
    let keys = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "tests");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(keys)
        .endpoint_url(endpoint)
        .force_path_style(true)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}
