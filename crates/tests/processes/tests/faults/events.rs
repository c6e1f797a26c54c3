//! Checks that each change of a file has exactly one event, and that no event is without a change.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use crate::function::{Change, Uploads};
use crate::world::World;

const RECORDED: &str = "file.recorded";
const DELETED: &str = "file.deleted";
const REFUSED: &str = "file.refused";
const SCANNED: &str = "file.scanned";

/// Rows whose last change has no event, or whose last event has no change.
const DIFFERENT: &str = "\
SELECT f.object_key, f.deleted_at, f.refused, f.scan_status, e.types
FROM s3_files AS f
LEFT JOIN LATERAL (
    SELECT array_agg(type ORDER BY type) AS types,
           count(*) FILTER (WHERE type = 'file.deleted' OR type = 'file.refused' AND detail = f.refused) AS ends,
           max(detail) FILTER (WHERE type = 'file.scanned') AS scan_status
    FROM webhook_events WHERE file_id = f.id) AS e ON true
LEFT JOIN LATERAL (
    SELECT * FROM webhook_events WHERE file_id = f.id AND type = 'file.recorded'
    ORDER BY created_at DESC, id DESC LIMIT 1) AS last ON true
WHERE coalesce(e.ends, 0) <> (f.deleted_at IS NOT NULL)::int
   OR f.scan_status IS DISTINCT FROM e.scan_status
   OR f.deleted_at IS NULL AND (f.etag, f.size, f.file_name, f.content_type, f.metadata) IS DISTINCT FROM
      (last.etag, last.size, last.file_name, last.content_type, last.metadata)";

/// Checks what holds at any moment, also between a fault and the retry.
pub(crate) async fn agree(admin: &Client) -> Result<(), String> {
    let rows = admin.query(DIFFERENT, &[]).await;
    match rows.map_err(|error| error.to_string())?.as_slice() {
        [] => Ok(()),
        rows => Err(format!("rows and their events differ: {rows:?}")),
    }
}

/// Checks, after `maintain` has run, that there are exactly the events of the changes that were
/// made.
pub(crate) async fn audit(world: &World) -> Result<(), String> {
    let admin = world.admin().await;
    agree(&admin).await?;
    let sql = "SELECT object_key, type FROM webhook_events ORDER BY type";
    let rows = admin.query(sql, &[]).await;
    let mut found = BTreeMap::<String, Vec<String>>::new();
    for row in rows.map_err(|error| error.to_string())? {
        found.entry(row.get(0)).or_default().push(row.get(1));
    }
    let expected = expected(world);
    if found == expected {
        Ok(())
    } else {
        Err(format!("events {found:?}, and not {expected:?}"))
    }
}

/// The types of each file's events, sorted.
fn expected(world: &World) -> BTreeMap<String, Vec<String>> {
    let (scene, function) = (&world.scene, world.function);
    let mut kept = vec![RECORDED];
    let mut fresh = vec![RECORDED];
    let mut doomed = vec![RECORDED];
    match function.change {
        Change::Renames => kept.push(RECORDED),
        Change::Scans => fresh.push(SCANNED),
        Change::Deletes => doomed.insert(0, DELETED),
        Change::Nothing | Change::Previews | Change::Notifies => {}
    }
    let mut all = vec![
        (&scene.kept.key, kept),
        (&scene.fresh.key, fresh),
        (&scene.doomed.key, doomed),
        (&scene.oversized.key, vec![REFUSED]),
    ];
    // With a new schema the first change is that `maintain` finds the object.
    if function.migrates {
        all.push((&scene.removed.key, vec![RECORDED]));
        all.push((&scene.replaced.key, vec![RECORDED]));
    } else {
        all.push((&scene.removed.key, vec![DELETED, RECORDED]));
        all.push((&scene.replaced.key, vec![RECORDED, RECORDED]));
        all.push((&scene.lost, vec![DELETED, RECORDED]));
    }
    if let Some(uploads) = &scene.uploads
        && function.uploads == Uploads::Completes
    {
        all.push((&uploads.open.key, vec![RECORDED]));
    }
    all.into_iter()
        .map(|(key, types)| {
            let types = types.into_iter().map(str::to_owned).collect();
            (key.as_str().to_owned(), types)
        })
        .collect()
}
