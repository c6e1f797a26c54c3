//! Names as paths: order, prefixes, folders and search, compared with a sorted list in memory.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;
use uuid::Uuid;

use crate::world::World;

/// The properties of a file that these lists use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) rule: Option<&'static str>,
    pub(crate) deleted: bool,
}

impl Named {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self {
            id: Uuid::now_v7(),
            name: name.into(),
            kind: "text/plain",
            rule: None,
            deleted: false,
        }
    }
}

/// Inserts rows for `user` as uploads would.
pub(crate) async fn insert(world: &World, user: &str, files: &[Named]) {
    const SQL: &str = "INSERT INTO s3_files (id, object_key, bucket, file_url, user_id, file_name, \
        content_type, rule, size, etag, upload_timestamp, deleted_at) \
        SELECT id, replace($1, '写', '~E5~86~99') || '/' || id || '/a.txt', 'b', 'u', $1, name, kind, rule, 1, 'e', \
        date_trunc('second', now()), CASE WHEN deleted THEN now() END \
        FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::bool[]) AS given (id, name, kind, rule, deleted)";
    let ids: Vec<_> = files.iter().map(|file| file.id).collect();
    let names: Vec<_> = files.iter().map(|file| file.name.as_str()).collect();
    let kinds: Vec<_> = files.iter().map(|file| file.kind).collect();
    let rules: Vec<_> = files.iter().map(|file| file.rule).collect();
    let deleted: Vec<_> = files.iter().map(|file| file.deleted).collect();
    let sql = world.sql().await;
    sql.execute(SQL, &[&user, &ids, &names, &kinds, &rules, &deleted])
        .await
        .unwrap();
}

/// An entry of a list: a file's name and id, or a folder.
pub(crate) type Shown = (String, Option<Uuid>);

/// Every page of `query`, each in the order of its names.
pub(crate) async fn walk(world: &World, user: &str, query: &str) -> Vec<Vec<Shown>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = world
            .get(user, &format!("/files?{query}{cursor}"))
            .await
            .expect(200);
        pages.push(shown(&page));
        match page["nextCursor"].as_str() {
            None => return pages,
            Some(next) => cursor = format!("&cursor={next}"),
        }
        assert!(pages.len() < 1000, "the pages do not end");
    }
}

/// Files and folders of a page, merged. Without folders, files keep their order.
fn shown(page: &Value) -> Vec<Shown> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let files = page["files"].as_array().unwrap().iter().map(|file| {
        let id = Uuid::parse_str(file["id"].as_str().unwrap()).unwrap();
        (text(&file["fileName"]), Some(id))
    });
    let mut entries: Vec<Shown> = files.collect();
    if let Some(folders) = page["folders"].as_array() {
        let folders: Vec<Shown> = folders.iter().map(|one| (text(one), None)).collect();
        assert!(entries.is_sorted() && folders.is_sorted(), "{page}");
        entries.extend(folders);
        entries.sort();
    }
    entries
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The letters of the generated names after NFC and case folding.
fn folded(text: &str) -> String {
    text.replace("e\u{301}", "é").to_lowercase()
}

/// The query of a case.
#[derive(Clone, Debug)]
struct ListQuery {
    prefix: String,
    q: String,
    kind: Option<&'static str>,
    rule: Option<&'static str>,
    limit: usize,
}

fn ask() -> impl Strategy<Value = ListQuery> {
    (
        "([aA/é写\u{10ffff}]|e\u{301}){0,3}",
        "([aA/é写\u{10ffff}]|e\u{301}){1,2}",
        select(vec![None, Some("image/"), Some("IMAGE/PNG")]),
        select(vec![None, Some("avatar")]),
        1..8_usize,
    )
        .prop_map(|(prefix, q, kind, rule, limit)| ListQuery {
            prefix,
            q,
            kind,
            rule,
            limit,
        })
}

fn named() -> impl Strategy<Value = Named> {
    (
        "([aA/é写0.\u{10ffff}]|e\u{301}){1,6}",
        select(vec!["image/png", "Image/jpeg", "text/plain"]),
        select(vec![None, Some("avatar"), Some("default")]),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(name, kind, rule, deleted)| Named {
            kind,
            rule,
            deleted,
            ..Named::new(name)
        })
}

/// The expected files by name, without folders.
fn sorted(files: &[Named], keep: impl Fn(&Named) -> bool) -> Vec<&Named> {
    let mut files: Vec<_> = files
        .iter()
        .filter(|file| !file.deleted && keep(file))
        .collect();
    files.sort_by_key(|file| (file.name.as_str(), file.id));
    files
}

/// The expected entries, grouped as by `ListObjectsV2`.
fn grouped(files: &[Named], prefix: &str) -> Vec<Shown> {
    let mut shown: Vec<Shown> = Vec::new();
    for file in sorted(files, |file| file.name.starts_with(prefix)) {
        let entry = match file.name[prefix.len()..].find('/') {
            Some(at) => (file.name[..=prefix.len() + at].to_owned(), None),
            None => (file.name.clone(), Some(file.id)),
        };
        if shown.last() != Some(&entry) {
            shown.push(entry);
        }
    }
    shown
}

fn of_files(files: &[&Named]) -> Vec<Shown> {
    let shown = |file: &&Named| (file.name.clone(), Some(file.id));
    files.iter().map(shown).collect()
}

/// Every page but the last is full, and together they have the expected entries.
fn assert_pages(pages: &[Vec<Shown>], limit: usize, expected: &[Shown], query: &str) {
    assert_eq!(pages.concat(), expected, "{query}");
    let (last, full) = pages.split_last().unwrap();
    assert!(last.len() <= limit, "{query}");
    assert!(full.iter().all(|page| page.len() == limit), "{query}");
}

async fn check(world: &World, user: &str, files: &[Named], ask: &ListQuery) {
    insert(world, user, files).await;
    let ListQuery { prefix, limit, .. } = ask;
    let kind = ask
        .kind
        .map(|kind| format!("&contentType={}", encoded(kind)));
    let rule = ask.rule.map(|rule| format!("&rule={rule}"));
    let filter = [Some(format!("limit={limit}")), kind, rule];
    let filter: String = filter.into_iter().flatten().collect();
    let kept = |file: &Named| {
        let kind = ask.kind.unwrap_or_default().to_lowercase();
        file.kind.to_lowercase().starts_with(&kind)
            && ask.rule.is_none_or(|rule| file.rule == Some(rule))
    };

    let query = format!("{filter}&sort=name");
    let expected = of_files(&sorted(files, kept));
    assert_pages(&walk(world, user, &query).await, *limit, &expected, &query);

    let query = format!("{filter}&prefix={}", encoded(prefix));
    let mut expected = sorted(files, |file| kept(file) && file.name.starts_with(prefix));
    if prefix.is_empty() {
        // The same as without a prefix: the newest first.
        expected.sort_by_key(|file| std::cmp::Reverse(file.id));
    }
    let expected = of_files(&expected);
    assert_pages(&walk(world, user, &query).await, *limit, &expected, &query);

    let query = format!("limit={limit}&delimiter=/&prefix={}", encoded(prefix));
    let expected = grouped(files, prefix);
    assert_pages(&walk(world, user, &query).await, *limit, &expected, &query);

    let query = format!("{filter}&q={}", encoded(&ask.q));
    let q = folded(&ask.q);
    let mut expected = sorted(files, |file| kept(file) && folded(&file.name).contains(&q));
    expected.sort_by_key(|file| std::cmp::Reverse(file.id));
    let pages = walk(world, user, &query).await;
    assert_eq!(pages.concat(), of_files(&expected), "{query}");
    assert!(pages.iter().all(|page| page.len() <= *limit), "{query}");
}

#[test]
fn every_walk_shows_each_entry_once_and_in_order() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::new());
    let config = Config {
        cases: 60,
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new(config)
        .run(&(vec(named(), 0..40), ask()), |(files, ask)| {
            // Ids are reused, since proptest runs a shrinking case several times.
            let fresh = |file: &Named| Named {
                id: Uuid::now_v7(),
                ..file.clone()
            };
            let files: Vec<_> = files.iter().map(fresh).collect();
            let user = format!("user-{}", Uuid::now_v7());
            runtime.block_on(check(&world, &user, &files, &ask));
            Ok(())
        })
        .expect("every page is the model's");
}
