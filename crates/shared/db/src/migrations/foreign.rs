//! Classifies an existing table `s3_files`, because tutorials create a table of the same name.

use tokio_postgres::Client;

use super::MigrateError;

/// The kind of table that has the name of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Ours,
    Tutorial,
    Foreign,
}

const COLUMNS: &str = "\
SELECT coalesce(string_agg(a.attname || ' ' || format_type(a.atttypid, NULL), ',' ORDER BY a.attname), '')
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
WHERE c.oid = to_regclass('s3_files') AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped";

/// The columns that every version of our table has.
const OURS: [&str; 5] = [
    "id uuid",
    "object_key text",
    "user_id text",
    "etag text",
    "upload_timestamp timestamp with time zone",
];

pub(crate) async fn find(client: &Client) -> Result<Found, MigrateError> {
    let step = "looking at s3_files";
    let failed = |error| MigrateError::database(step, error);
    let exists = client
        .query_typed("SELECT to_regclass('s3_files') IS NOT NULL", &[])
        .await
        .map_err(failed)?;
    if !exists.iter().any(|row| row.try_get(0).unwrap_or(false)) {
        return Ok(Found::Nothing);
    }
    let rows = client.query_typed(COLUMNS, &[]).await.map_err(failed)?;
    let columns: String = rows
        .first()
        .and_then(|row| row.try_get(0).ok())
        .unwrap_or_default();
    let columns: Vec<&str> = columns.split(',').collect();
    let has = |column: &str| columns.contains(&column);
    Ok(if OURS.iter().all(|column| has(column)) {
        Found::Ours
    } else if is_tutorial(&columns) {
        Found::Tutorial
    } else {
        Found::Foreign
    })
}

/// `id SERIAL`, key, URL and user as text, and a time; whatever else its owner has added.
fn is_tutorial(columns: &[&str]) -> bool {
    let has = |names: &[&str]| names.iter().any(|name| columns.contains(name));
    has(&["id integer", "id bigint"])
        && ["object_key", "user_id"].iter().all(|name| {
            has(&[
                &format!("{name} text"),
                &format!("{name} character varying"),
            ])
        })
        && has(&[
            "upload_timestamp timestamp with time zone",
            "upload_timestamp timestamp without time zone",
        ])
}
