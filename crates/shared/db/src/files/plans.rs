//! Tests the plans of the lists, with row-level security on: each reads little more than it
//! returns.
//!
//! Postgres chooses a plan by its statistics of the table. Each statement is therefore tested with
//! a user who has few of many files, with other users who have the newest files, and with a user
//! who was added after the statistics were gathered.

use slipway_testkit::{TestDatabase, database};
use tokio_postgres::types::Type;

use super::by_name::BY_NAME;
use super::folders::WALK;
use super::list::LIST;
use super::search::{FILES, NAMES};
use crate::transaction::{Param, SETTINGS, SETTINGS_UNSORTED};

const NEWEST: &str = "s3_files_user_id_deleted_at_id";
const NAME: &str = "s3_files_user_id_file_name_id";

/// Inserts files. OWNER, DELETED and NAMED are SQL expressions of `n`, which ascends like the ids.
const INSERT: &str = "\
INSERT INTO s3_files (id, object_key, bucket, file_url, user_id, file_name, content_type, size, etag, upload_timestamp, deleted_at)
SELECT id, u || '/' || id || '/a', 'b', 'u', u, NAMED, 'text/plain', 0, 'e', now(), CASE WHEN DELETED THEN now() END
FROM (SELECT n, OWNER AS u, ('ffffffff-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid AS id
      FROM generate_series(FIRST, LAST) AS n) AS ids";

/// A table whose files belong to these owners.
struct Table {
    database: TestDatabase,
    inserted: u32,
}

impl Table {
    fn new() -> Self {
        Self {
            database: database(),
            inserted: 0,
        }
    }

    /// Adds 20,000 files.
    async fn insert(&mut self, owner: &str, deleted: &str, named: &str) {
        self.insert_some(20_000, owner, deleted, named).await;
    }

    async fn insert_some(&mut self, files: u32, owner: &str, deleted: &str, named: &str) {
        let sql = INSERT
            .replace("OWNER", owner)
            .replace("DELETED", deleted)
            .replace("NAMED", named)
            .replace("FIRST", &(self.inserted + 1).to_string())
            .replace("LAST", &(self.inserted + files).to_string());
        self.run(&sql).await;
        self.inserted += files;
    }

    async fn analyze(&self) {
        self.run("ANALYZE s3_files").await;
    }

    async fn run(&self, sql: &str) {
        let admin = self.database.admin().await;
        admin.batch_execute(sql).await.expect(sql);
    }

    /// One of 50 users, in a table with statistics.
    async fn of_fifty(named: &str) -> Self {
        let mut table = Self::new();
        table.insert("'user' || n % 50", "false", named).await;
        table.analyze().await;
        table
    }

    /// A user with a third of the old half, and none of the newer half.
    async fn idle(named: &str) -> Self {
        let mut table = Self::new();
        let owner = "CASE WHEN n <= 10000 THEN 'user7' ELSE 'user' || n % 6 END";
        table.insert(owner, "false", named).await;
        table.analyze().await;
        table
    }

    /// 20,000 users with a file each, and a new user with as many files. Postgres estimates that
    /// the new user has one.
    async fn newcomer(named: &str) -> Self {
        let mut table = Self::new();
        table
            .run("ALTER TABLE s3_files SET (autovacuum_enabled = off)")
            .await;
        table.insert("'other' || n", "false", named).await;
        table.analyze().await;
        table.insert("'user7'", "false", named).await;
        table
    }

    /// The plan of `sql` for `user7`, with the settings of a function. `values` are SQL, for `$2`
    /// and so on.
    async fn plan(&self, settings: &str, sql: &str, values: &[&str]) -> String {
        let admin = self.database.admin().await;
        admin.batch_execute("BEGIN").await.expect("begun");
        let params: [Param<'_>; 2] = [(&"user7", Type::TEXT), (&"60000", Type::TEXT)];
        let set = admin.execute_typed(settings, &params).await;
        set.expect("settings");
        let mut explain = format!("EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF) {sql}");
        for (at, value) in ["'user7'"].iter().chain(values).enumerate() {
            explain = explain.replace(&format!("${}", at + 1), value);
        }
        let plan = admin.query(&explain, &[]).await.expect(&explain);
        admin.batch_execute("ROLLBACK").await.expect("rolled back");
        let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        plan.join("\n")
    }

    /// The first 51 files, newest first.
    async fn newest(&self) -> String {
        let values = [MAX, "'text/'", "10000", "51", "NULL"];
        self.plan(SETTINGS_UNSORTED, LIST, &values).await
    }

    /// The first 51 files by name, from `prefix` to `end`.
    async fn by_name(&self, prefix: &str, end: &str) -> String {
        let values = [prefix, NIL, end, "'text/'", "10000", "51", "NULL"];
        self.plan(SETTINGS_UNSORTED, BY_NAME, &values).await
    }

    /// The first 51 entries below `prefix`, which ends before `end`.
    async fn folder(&self, prefix: &str, end: &str) -> String {
        let values = [prefix, NIL, end, prefix, "51"];
        self.plan(SETTINGS_UNSORTED, WALK, &values).await
    }

    /// The names of the newest 51 files.
    async fn names(&self) -> String {
        let values = [MAX, "''", "51", "NULL"];
        self.plan(SETTINGS_UNSORTED, NAMES, &values).await
    }
}

const MAX: &str = "'ffffffff-ffff-ffff-ffff-ffffffffffff'";
const NIL: &str = "'00000000-0000-0000-0000-000000000000'";

/// 8 KB blocks that the whole statement touched.
fn blocks(plan: &str) -> u64 {
    let line = plan.lines().find(|line| line.contains("Buffers:"));
    let line = line.expect("buffers");
    let count = |word: &str| -> u64 {
        let number = line.split_once(word).map(|(_, rest)| rest);
        let digits = number.map(|rest| rest.split(' ').next().unwrap_or_default());
        digits.map_or(0, |digits| digits.parse().expect("a number"))
    };
    count("hit=") + count("read=")
}

/// The plan scans `index`, sorts nothing, discards no row, and stops one row after the page.
fn assert_short_walk(plan: &str, scan: &str, index: &str) {
    assert!(plan.contains(&format!("{scan} using {index}")), "{plan}");
    assert!(!plan.contains("Sort"), "{plan}");
    assert!(!plan.contains("Rows Removed"), "{plan}");
    assert!(
        plan.contains("rows=51") && !plan.contains("rows=400"),
        "{plan}"
    );
    // Each row may be in a block of its own, next to those of the index.
    assert!(blocks(plan) < 80, "{plan}");
}

#[tokio::test]
async fn the_index_serves_a_page_by_a_backward_scan() {
    let plan = Table::of_fifty("'a'").await.newest().await;
    assert_short_walk(&plan, "Index Scan Backward", NEWEST);
}

#[tokio::test]
async fn deleted_files_are_not_walked_over() {
    let mut table = Table::new();
    let deleted = "n % 50 = 7 AND n > 5000";
    table.insert("'user' || n % 50", deleted, "'a' || n").await;
    table.analyze().await;
    let plan = table.newest().await;
    assert_short_walk(&plan, "Index Scan Backward", NEWEST);
    assert_short_walk(&table.by_name("''", "NULL").await, "Index Scan", NAME);
}

/// A backward scan of the primary key would read 10,000 files of other users first, which the
/// planner cannot estimate.
#[tokio::test]
async fn newer_files_of_others_are_not_walked_over() {
    let plan = Table::idle("'a'").await.newest().await;
    assert_short_walk(&plan, "Index Scan Backward", NEWEST);
}

#[tokio::test]
async fn the_index_serves_a_page_by_name() {
    for table in [
        Table::of_fifty("'a/1/' || n").await,
        Table::idle("'a/1/' || n").await,
        Table::newcomer("'a/1/' || n").await,
    ] {
        for (prefix, end) in [("''", "NULL"), ("'a/'", "'a0'"), ("'a/1'", "'a/2'")] {
            let plan = table.by_name(prefix, end).await;
            assert_short_walk(&plan, "Index Scan", NAME);
        }
    }
}

/// Four blocks for each entry, and as many to fetch a file: not those of the files in the folders.
#[tokio::test]
async fn folders_cost_what_is_shown() {
    let in_folders = "'p/' || n % 100 || '/' || n";
    let files = "'p/' || n";
    for (named, most) in [(in_folders, 51 * 6), (files, 51 * 10)] {
        for table in [
            Table::of_fifty(named).await,
            Table::idle(named).await,
            Table::newcomer(named).await,
        ] {
            let plan = table.folder("'p/'", "'p0'").await;
            assert!(plan.contains(&format!("using {NAME}")), "{plan}");
            assert!(plan.contains("ROW(file_name, id) > ROW("), "{plan}");
            assert!(
                !plan.contains("Sort") && !plan.contains("Seq Scan"),
                "{plan}"
            );
            assert!(blocks(&plan) <= most, "{} blocks\n{plan}", blocks(&plan));
        }
    }
}

/// Long names make the index of names one level higher than the others. For a new user whose files
/// Postgres estimates as one, reading them by another index and sorting is then cheaper.
#[tokio::test]
async fn nothing_is_sorted_although_it_seems_cheaper() {
    let mut table = Table::new();
    table
        .run("ALTER TABLE s3_files SET (autovacuum_enabled = off)")
        .await;
    let long = "(SELECT string_agg(md5(n::text || i), '') FROM generate_series(1, 20) AS i)";
    let others = "'other' || n";
    table.insert_some(8_000, others, "false", long).await;
    table.analyze().await;
    table
        .insert_some(10_000, "'user7'", "false", "'a/' || n")
        .await;
    let plan = table.by_name("''", "NULL").await;
    assert_short_walk(&plan, "Index Scan", NAME);
}

/// The whole tree is one folder of the root.
#[tokio::test]
async fn a_folder_of_a_million_is_one_step() {
    let table = Table::newcomer("'p/' || n").await;
    let plan = table.folder("''", "NULL").await;
    assert!(blocks(&plan) <= 20, "{plan}");
}

#[tokio::test]
async fn a_search_walks_as_the_list_does() {
    for table in [
        Table::of_fifty("'a' || n").await,
        Table::idle("'a' || n").await,
        Table::newcomer("'a' || n").await,
    ] {
        assert_short_walk(&table.names().await, "Index Scan Backward", NEWEST);
    }
}

/// One descent for each file found, although Postgres estimates that reading all of the user's
/// files is cheaper.
#[tokio::test]
async fn files_found_are_fetched_one_by_one() {
    let table = Table::newcomer("'a'").await;
    let id = |n| format!("'ffffffff-0000-7000-8000-{n:012}'");
    let ids: Vec<_> = (30_001..30_051).map(id).collect();
    let ids = format!("ARRAY[{}]", ids.join(","));
    let plan = table.plan(SETTINGS, FILES, &[&ids]).await;
    assert!(plan.contains("rows=50"), "{plan}");
    assert!(blocks(&plan) <= 50 * 5, "{plan}");
}
