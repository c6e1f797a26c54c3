//! A deployment that plays one history after the other, each from nothing.

use futures_util::future::join;
use slipway_core::env::Env;
use slipway_local::s3::{NO_THREATS_FOUND, THREATS_FOUND};
use slipway_maintain::{Count, Deadline, Maintain, Options, Report, Task};
use tokio_postgres::{Row, Statement};

use super::model::{MAX, QUOTA};
use crate::world::{App, World};

/// One database and one bucket, and functions under four configurations.
pub(crate) struct Deployment {
    /// Whether the bucket's policy refuses reads by URL of what was not found clean. The functions are the same: the
    /// gate must hold whatever URLs they give out.
    pub(crate) gated: bool,
    pub(crate) world: World,
    /// By whether there is a quota.
    plain: [App; 2],
    /// The same where nothing may be overwritten.
    once: [App; 2],
    maintain: [Maintain; 2],
    rows: Statement,
    usage: Statement,
}

const ROWS: &str = "\
SELECT id::text, CASE WHEN deleted_at IS NULL THEN
    concat_ws(' ', 'live', user_id, object_key, size, etag, extract(epoch FROM upload_timestamp)::bigint)
ELSE concat_ws(' ', 'tombstone', user_id, coalesce(refused, 'file_deleted'), removed_at IS NOT NULL) END
FROM s3_files ORDER BY id";

const USAGE: &str =
    "SELECT user_id, files, bytes FROM user_usage WHERE files <> 0 OR bytes <> 0 ORDER BY user_id";

/// Rows, and usage.
pub(crate) type Table = (Vec<(String, String)>, Vec<(String, i64, i64)>);

impl Deployment {
    pub(crate) async fn new(gated: bool) -> Self {
        let max = MAX.to_string();
        let quota = QUOTA.to_string();
        let world = World::behind(gated, &[("MAX_UPLOAD_BYTES", &max)]).await;
        let quota = [("USER_QUOTA_BYTES", quota.as_str())];
        let once = [("WRITE_ONCE", "true")];
        let plain = [world.app(&[]), world.app(&quota)];
        let once = [world.app(&once), world.app(&[quota[0], once[0]])];
        let maintain = [maintain(&plain[0]).await, maintain(&plain[1]).await];
        let rows = world.sql().await.prepare(ROWS).await.unwrap();
        let usage = world.sql().await.prepare(USAGE).await.unwrap();
        Self {
            gated,
            world,
            plain,
            once,
            maintain,
            rows,
            usage,
        }
    }

    pub(crate) const fn app(&self, quota: bool, once: bool) -> &App {
        let apps = if once { &self.once } else { &self.plain };
        &apps[quota as usize]
    }

    /// Leaves nothing of what was before.
    pub(crate) async fn clear(&self) {
        for (key, _) in self.world.objects().await {
            self.world.remove_object(&key).await;
        }
        self.world.heard().await;
        self.sql("DELETE FROM s3_files; DELETE FROM user_usage; DELETE FROM maintenance")
            .await;
    }

    /// The scanner looks at the object that had `etag`.
    pub(crate) fn scan(&self, key: &str, etag: &str, clean: bool) {
        let result = if clean {
            NO_THREATS_FOUND
        } else {
            THREATS_FOUND
        };
        self.world.server.scanner().report(key, etag, result);
    }

    pub(crate) async fn sql(&self, sql: &str) {
        self.world.sql().await.batch_execute(sql).await.unwrap();
    }

    /// Every row in words by id, and who has how many files and bytes.
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

    /// Runs to the end, without a fault and without usage to repair.
    pub(crate) async fn maintain(
        &self,
        quota: bool,
        task: Task,
        force: bool,
    ) -> Result<(), String> {
        let mut options = Options {
            task,
            force,
            apply: true,
            ..Options::default()
        };
        // Where not everything fits into a quota, the first keys do.
        options.pace.heads = 1;
        let report = Report::default();
        let maintain = &self.maintain[usize::from(quota)];
        let summary = Box::pin(maintain.run(&options, Deadline::NEVER, &report)).await;
        let fine = summary.finished && summary.failed == 0 && report.get(Count::Drifted) == 0;
        if fine {
            Ok(())
        } else {
            Err(format!("maintain: {}", summary.to_json(&report)))
        }
    }
}

async fn maintain(app: &App) -> Maintain {
    let get = |name: &str| app.env.get(name).cloned();
    Maintain::from_env(Env::new(&get)).await.unwrap()
}
