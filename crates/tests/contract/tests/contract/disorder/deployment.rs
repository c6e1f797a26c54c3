//! A deployment that plays one history after another. Each starts empty, and limits may change.

use aws_sdk_s3::types::MetadataDirective;
use futures_util::future::join;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use slipway_core::env::Environment;
use slipway_emulators::s3::{NO_THREATS_FOUND, THREATS_FOUND};
use slipway_maintain::{Count, Deadline, Maintain, Options, Report, Task};
use slipway_preview::MakePreviews;
use tokio_postgres::{Row, Statement};

use super::limits::LIMITS;
use crate::world::{App, BUCKET, World};

/// One database, one bucket, and a set of functions for each of the limits.
pub(crate) struct Deployment {
    /// Whether the bucket policy refuses reads by URL of objects that are not tagged as clean. The
    /// functions are the same, since the policy must hold whatever URLs they sign. Only `preview`
    /// waits for the scanner.
    pub(crate) gated: bool,
    pub(crate) world: World,
    /// The functions for each of the limits.
    plain: Vec<App>,
    /// The same with `WRITE_ONCE`.
    once: Vec<App>,
    maintain: Vec<Maintain>,
    rows: Statement,
    usage: Statement,
    events: Statement,
    /// `preview`.
    pub(crate) preview: MakePreviews,
}

const ROWS: &str = "\
SELECT id::text, CASE WHEN deleted_at IS NULL THEN
    concat_ws(' ', 'live', coalesce(scan_status, '-'), user_id, object_key, size, etag, extract(epoch FROM upload_timestamp)::bigint,
              coalesce(rule, '-'), metadata, file_name)
ELSE concat_ws(' ', 'tombstone', user_id, coalesce(refused, 'file_deleted'), removed_at IS NOT NULL) END
FROM s3_files ORDER BY id";

const EVENTS: &str = "\
SELECT concat_ws(' ', type, coalesce(detail, '-'), user_id, object_key, size, etag,
                 extract(epoch FROM upload_timestamp)::bigint, coalesce(rule, '-'), metadata, file_name)
FROM webhook_events";

const USAGE: &str =
    "SELECT user_id, files, bytes FROM user_usage WHERE files <> 0 OR bytes <> 0 ORDER BY user_id";

/// Rows and usage.
pub(crate) type Table = (Vec<(String, String)>, Vec<(String, i64, i64)>);

impl Deployment {
    pub(crate) async fn new(gated: bool) -> Self {
        let world = World::behind(gated, &[("WEBHOOKS", "true")]).await;
        let (mut plain, mut once, mut maintain) = (Vec::new(), Vec::new(), Vec::new());
        for limits in LIMITS {
            let max = limits.max.to_string();
            let quota = limits.quota.map(|quota| quota.to_string());
            let mut env = vec![("MAX_UPLOAD_BYTES", max.as_str())];
            env.extend(
                quota
                    .iter()
                    .map(|quota| ("USER_QUOTA_BYTES", quota.as_str())),
            );
            let rules = limits.rules();
            env.extend(rules.iter().map(|rules| ("UPLOAD_RULES", rules.as_str())));
            if !limits.pictures {
                env.push(("ALLOWED_CONTENT_TYPES", "text/*"));
            }
            let app = world.app(&env);
            maintain.push(maintenance(&app).await);
            plain.push(app);
            env.push(("WRITE_ONCE", "true"));
            once.push(world.app(&env));
        }
        let rows = world.sql().await.prepare(ROWS).await.unwrap();
        let usage = world.sql().await.prepare(USAGE).await.unwrap();
        let events = world.sql().await.prepare(EVENTS).await.unwrap();
        let mut env = world.variables("preview");
        env.insert("PREVIEWS".to_owned(), "true".to_owned());
        if gated {
            // One is not accepted without the other.
            for name in ["REQUIRE_SCAN", "WRITE_ONCE"] {
                env.insert(name.to_owned(), "true".to_owned());
            }
        }
        let env: Environment = env.into_iter().collect();
        let preview = MakePreviews::from_env(&env).await.unwrap();
        Self {
            gated,
            world,
            plain,
            once,
            maintain,
            rows,
            usage,
            events,
            preview,
        }
    }

    pub(crate) fn app(&self, limits: usize, once: bool) -> &App {
        let apps = if once { &self.once } else { &self.plain };
        &apps[limits]
    }

    /// Copies every object onto itself, which is how a bucket is restored from a copy.
    pub(crate) async fn restore(&self) {
        let s3 = self.world.s3().await;
        for (key, _) in self.world.objects().await {
            let head = s3.head_object().bucket(BUCKET).key(&key);
            // The SDK's futures are too large to move around.
            let head = Box::pin(head.send()).await.unwrap();
            let source = utf8_percent_encode(&key, NON_ALPHANUMERIC);
            let copy = s3
                .copy_object()
                .bucket(BUCKET)
                .key(&key)
                .copy_source(format!("{BUCKET}/{source}"))
                .metadata_directive(MetadataDirective::Replace)
                .set_metadata(head.metadata)
                .set_content_type(head.content_type);
            Box::pin(copy.send()).await.unwrap();
        }
    }

    /// Deletes everything of the previous history.
    pub(crate) async fn clear(&self) {
        for (key, _) in self.world.objects().await {
            self.world.remove_object(&key).await;
        }
        self.world.take_events().await;
        self.lose().await;
    }

    /// The state after a migration of an empty database.
    pub(crate) async fn lose(&self) {
        self.sql("DELETE FROM webhook_events; DELETE FROM s3_files; DELETE FROM user_usage; DELETE FROM maintenance; DELETE FROM maintenance_removals")
            .await;
    }

    /// The scanner scans the object with `etag`. Returns its event.
    pub(crate) fn scan(&self, key: &str, etag: &str, clean: bool) -> Value {
        let result = if clean {
            NO_THREATS_FOUND
        } else {
            THREATS_FOUND
        };
        self.world.server.scanner().report(key, etag, result)
    }

    pub(crate) async fn sql(&self, sql: &str) {
        self.world.sql().await.batch_execute(sql).await.unwrap();
    }

    /// Every row as text by its id, and the usage of each user.
    pub(crate) async fn table(&self) -> Table {
        let sql = self.world.sql().await;
        let (rows, usage) = join(sql.query(&self.rows, &[]), sql.query(&self.usage, &[])).await;
        let (rows, usage) = (rows.unwrap(), usage.unwrap());
        let row = |row: &Row| (row.get(0), row.get(1));
        let used = |row: &Row| (row.get(0), row.get(1), row.get(2));
        (
            rows.iter().map(row).collect(),
            usage.iter().map(used).collect(),
        )
    }

    /// Every event as text, sorted.
    pub(crate) async fn events(&self) -> Vec<String> {
        let rows = self.world.sql().await.query(&self.events, &[]).await;
        let mut events: Vec<String> = rows.unwrap().iter().map(|row| row.get(0)).collect();
        events.sort();
        events
    }

    /// Runs to its end, without an error and without usage to repair.
    pub(crate) async fn maintain(
        &self,
        limits: usize,
        task: Task,
        force: bool,
    ) -> Result<(), String> {
        let options = Options {
            task,
            force,
            apply: true,
            ..Options::default()
        };
        let maintain = &self.maintain[limits];
        let dry = Options {
            apply: false,
            ..options
        };
        let said = Report::default();
        if task == Task::Reconcile {
            Box::pin(maintain.run(&dry, Deadline::NEVER, &said)).await;
        }
        let report = Report::default();
        let summary = Box::pin(maintain.run(&options, Deadline::NEVER, &report)).await;
        let fine = summary.finished && summary.failed == 0 && report.get(Count::Drifted) == 0;
        if !fine {
            return Err(format!("maintain: {}", summary.to_json(&report)));
        }
        if task == Task::Reconcile && said.to_json() != report.to_json() {
            let (said, done) = (said.to_json(), report.to_json());
            return Err(format!("a dry run said {said:?}, and {done:?} was done"));
        }
        Ok(())
    }
}

async fn maintenance(app: &App) -> Maintain {
    let env: Environment = app.variables("maintain-function").into_iter().collect();
    Maintain::from_env(&env).await.unwrap()
}
