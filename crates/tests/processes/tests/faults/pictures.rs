//! Checks that every picture has exactly one preview, of its own bytes, or a reason for none.

use std::collections::BTreeMap;

use jpeg_encoder::{ColorType, Encoder};
use slipway_core::{FileId, ObjectKey};

use crate::function::Change;
use crate::uploads::bucket;
use crate::world::World;

/// The preview of the earlier bytes of a file. It is not a picture, so that no preview equals it.
pub(crate) const EARLIER: &[u8] = b"a preview of earlier bytes";

pub(crate) fn red() -> Vec<u8> {
    picture([200, 40, 40])
}

pub(crate) fn green() -> Vec<u8> {
    picture([40, 200, 40])
}

/// Small, since every cell decodes some.
fn picture(colour: [u8; 3]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let data = colour.repeat(16 * 8);
    Encoder::new(&mut bytes, 90)
        .encode(&data, 16, 8, ColorType::Rgb)
        .expect("a picture");
    bytes
}

/// What a row knows of its preview.
struct Known {
    is_current: bool,
    error: Option<String>,
}

/// Checks, after `maintain` has run, that every preview belongs to a live file, and that every file
/// with a preview has one. Where `preview` ran, also that it made each one of the right bytes.
pub(crate) async fn audit(world: &mut World) -> Result<(), String> {
    let previews: BTreeMap<FileId, (ObjectKey, String)> = world
        .bucket
        .objects()
        .into_iter()
        .filter_map(|(key, (_, etag))| {
            let key = ObjectKey::parse_preview(&key)?;
            Some((key.id(), (key, etag)))
        })
        .collect();
    let rows = rows(world).await?;
    if let Some((_, (key, _))) = previews.iter().find(|(id, _)| !rows.contains_key(id)) {
        return Err(format!("{key} has no file"));
    }
    for (id, row) in &rows {
        let is_there = previews.contains_key(id);
        if row.is_current && row.error.is_none() != is_there {
            let error = &row.error;
            return Err(format!("{id} has a preview: {is_there}, error: {error:?}"));
        }
    }
    if world.function.change != Change::Previews {
        return Ok(());
    }
    let scene = &world.scene;
    for (file, bytes) in [(&scene.kept, red()), (&scene.replaced, green())] {
        let expected = slipway_picture::preview(&bytes).expect("a picture").bytes;
        let Some((key, etag)) = previews.get(&file.key.id()) else {
            return Err(format!("{} has no preview", file.key));
        };
        let found = bucket(&world.direct)
            .get_unchanged(key, etag, 1 << 20)
            .await;
        let found = found.map_err(|error| error.to_string())?;
        if !rows[&file.key.id()].is_current || found.is_none_or(|found| found != expected) {
            return Err(format!("{} has not the preview of its bytes", file.key));
        }
    }
    match &rows.get(&scene.fresh.key.id()) {
        Some(Known {
            is_current: true,
            error: Some(_),
        }) => Ok(()),
        _ => Err("a file that is not a picture has no reason".to_owned()),
    }
}

async fn rows(world: &World) -> Result<BTreeMap<FileId, Known>, String> {
    let sql = "SELECT object_key, preview_etag IS NOT DISTINCT FROM etag, preview_error
               FROM s3_files WHERE deleted_at IS NULL";
    let rows = world.admin().await.query(sql, &[]).await;
    let rows = rows.map_err(|error| error.to_string())?;
    let known = rows.iter().map(|row| {
        let key = ObjectKey::parse(row.get(0)).expect("a key");
        let known = Known {
            is_current: row.get(1),
            error: row.get(2),
        };
        (key.id(), known)
    });
    Ok(known.collect())
}
