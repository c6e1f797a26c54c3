//! Audits the whole bucket and the whole table: every file must be in exactly one state.

use std::collections::BTreeMap;

use tokio::process::Command;

use slipway_core::ObjectKey;
use slipway_processes::binary;

use crate::events;
use crate::function::{Change, Uploads};
use crate::pictures;
use crate::uploads;
use crate::world::World;

/// Users whose usage is not the sum of their live rows.
const DRIFT: &str = "\
SELECT user_id, coalesce(u.files, 0), coalesce(f.files, 0), coalesce(u.bytes, 0), coalesce(f.bytes, 0)::bigint
FROM user_usage AS u FULL JOIN (
    SELECT user_id, count(*) AS files, sum(size) AS bytes FROM s3_files WHERE deleted_at IS NULL GROUP BY 1) AS f
USING (user_id) WHERE (coalesce(u.files, 0), coalesce(u.bytes, 0)) <> (coalesce(f.files, 0), coalesce(f.bytes, 0))";

/// Checks what holds at any moment, also between a fault and the retry.
pub(crate) async fn usage(world: &World) -> Result<(), String> {
    let admin = world.admin().await;
    // `migrate` may have created only some of the tables.
    let there =
        "SELECT to_regclass('user_usage') IS NOT NULL, to_regclass('webhook_events') IS NOT NULL";
    let row = admin.query_one(there, &[]).await;
    let row = row.map_err(|error| error.to_string())?;
    if !row.get::<_, bool>(0) {
        return Ok(());
    }
    let drifted = admin.query(DRIFT, &[]).await;
    match drifted.map_err(|error| error.to_string())?.as_slice() {
        [] if row.get(1) => events::agree(&admin).await,
        [] => Ok(()),
        rows => Err(format!("usage is not the sum of live rows: {rows:?}")),
    }
}

/// Runs `maintain` once, and checks everything.
pub(crate) async fn everything(world: &mut World) -> Result<(), String> {
    usage(world).await?;
    maintain(world).await?;
    usage(world).await?;
    files(world).await?;
    events::audit(world).await?;
    pictures::audit(world).await?;
    uploads::audit(world).await
}

/// Runs `maintain` as an operator does, without the proxies.
pub(crate) async fn maintain(world: &World) -> Result<(), String> {
    let ran = Command::new(binary("maintain"))
        .args(["all", "--apply", "--force"])
        .env_clear()
        .envs(&world.direct)
        .output()
        .await
        .map_err(|error| error.to_string())?;
    if ran.status.success() {
        Ok(())
    } else {
        Err(format!("maintain failed: {ran:?}"))
    }
}

/// The state of bucket and table.
async fn files(world: &mut World) -> Result<(), String> {
    let mut objects = world.bucket.objects();
    objects.retain(|key, _| ObjectKey::parse_preview(key).is_none());
    let rows = world.admin().await;
    let rows = rows
        .query(
            "SELECT object_key, size, etag, deleted_at IS NULL FROM s3_files",
            &[],
        )
        .await
        .map_err(|error| error.to_string())?;
    let mut live = BTreeMap::new();
    for row in rows {
        let (key, size, etag): (String, i64, String) = (row.get(0), row.get(1), row.get(2));
        if row.get(3) {
            live.insert(key, (u64::try_from(size).expect("no less than 0"), etag));
        } else if objects.contains_key(&key) {
            return Err(format!("{key} is deleted, and its object is there"));
        }
    }
    let (there, gone) = expected(world);
    for key in there {
        if !objects.contains_key(key.as_str()) || !live.contains_key(key.as_str()) {
            let (object, row) = (objects.get(key.as_str()), live.get(key.as_str()));
            return Err(format!("lost: {key}: object {object:?}, row {row:?}"));
        }
    }
    for key in gone {
        if objects.contains_key(key.as_str()) || live.contains_key(key.as_str()) {
            return Err(format!("{key} came back"));
        }
    }
    if live != objects {
        return Err(format!("rows {live:?} and objects {objects:?} differ"));
    }
    Ok(())
}

/// Files that were uploaded and never deleted, and files that were deleted.
fn expected(world: &World) -> (Vec<&ObjectKey>, Vec<&ObjectKey>) {
    let scene = &world.scene;
    let mut there = vec![&scene.kept.key, &scene.fresh.key, &scene.replaced.key];
    let mut gone = vec![&scene.lost, &scene.oversized.key];
    if world.function.change == Change::Deletes {
        gone.push(&scene.doomed.key);
    } else {
        there.push(&scene.doomed.key);
    }
    // A new schema has no record of deletes, so the bucket alone decides.
    if world.function.migrates {
        there.push(&scene.removed.key);
    } else {
        gone.push(&scene.removed.key);
    }
    if let Some(uploads) = &scene.uploads {
        gone.push(&uploads.abandoned.key);
        if world.function.uploads == Uploads::Completes {
            there.push(&uploads.open.key);
        } else {
            gone.push(&uploads.open.key);
        }
    }
    (there, gone)
}
