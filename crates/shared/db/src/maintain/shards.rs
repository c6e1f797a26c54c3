//! Splits the keys into ranges of about the same number of rows.

use slipway_core::Error;
use tokio_postgres::types::Type;

use crate::Db;
use crate::files::value;

/// Keys greater than `from` and not greater than `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The greatest key before the range; empty for the first.
    pub from: String,
    /// Its greatest key; `None` for the last range, which has no end.
    pub to: Option<String>,
}

impl KeyRange {
    /// Every key.
    pub const ALL: Self = Self {
        from: String::new(),
        to: None,
    };
}

/// About 500 pages of the table, wherever they are: some 20,000 rows.
const SAMPLE: &str = "\
SELECT percentile_disc($1::float8[]) WITHIN GROUP (ORDER BY object_key) AS bounds
FROM s3_files TABLESAMPLE SYSTEM ($2)";

const PAGES: &str = "\
SELECT pg_relation_size(to_regclass('s3_files')) / current_setting('block_size')::bigint AS pages";

const SAMPLED_PAGES: f64 = 500.0;

const STEP: &str = "cutting the keys into ranges";

impl Db {
    /// Returns `shards - 1` keys that split a sample of the rows evenly; fewer if the sample is too
    /// small.
    pub async fn sample_bounds(&self, shards: u32) -> Result<Vec<String>, Error> {
        let failed = |failure: crate::failure::Failure| failure.into_error(STEP);
        let rows = self.run_maintain(&[(PAGES, &[])]).await.map_err(failed)?;
        let pages: Option<i64> = rows
            .first()
            .map_or(Ok(None), |row| value(row, "pages", STEP))?;
        #[expect(clippy::cast_precision_loss, reason = "a percentage need not be exact")]
        let pages = pages.unwrap_or_default().max(1) as f64;
        let percent = (100.0 * SAMPLED_PAGES / pages).min(100.0);
        let parts: Vec<f64> = (1..shards)
            .map(|part| f64::from(part) / f64::from(shards))
            .collect();
        #[expect(clippy::cast_possible_truncation, reason = "as above")]
        let percent = percent as f32;
        let rows = self
            .run_maintain(&[(
                SAMPLE,
                &[(&parts, Type::FLOAT8_ARRAY), (&percent, Type::FLOAT4)],
            )])
            .await
            .map_err(failed)?;
        let bounds: Option<Vec<String>> = rows
            .first()
            .map_or(Ok(None), |row| value(row, "bounds", STEP))?;
        let mut bounds = bounds.unwrap_or_default();
        bounds.dedup();
        Ok(bounds)
    }
}
