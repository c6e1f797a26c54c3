//! Lists: newest first and by name, page by page, with a bounded number of examined rows.

use std::sync::atomic::{AtomicU32, Ordering};

use slipway_core::FileId;
use slipway_db::{Db, Filter, NamePage, Page, Recorded};
use slipway_testkit::database;

use crate::support::{file, key, object, record, user};

fn typed_as(prefix: Option<&str>) -> Filter {
    Filter {
        content_type_prefix: prefix.map(str::to_owned),
        rule: None,
    }
}

async fn pages(db: &Db, prefix: Option<&str>, limit: u32) -> Vec<Vec<FileId>> {
    let mut pages = Vec::new();
    let mut page = Page {
        limit,
        before: None,
        filter: typed_as(prefix),
    };
    loop {
        let found = db.list_files(&user("alice"), &page).await.expect("listed");
        pages.push(found.files.iter().map(|file| file.id).collect());
        if found.next.is_none() {
            return pages;
        }
        page.before = found.next;
    }
}

async fn typed(db: &Db, content_type: &str) -> FileId {
    let mut object = object(&key("alice"), 1, "a", 1);
    object.content_type = content_type.to_owned();
    match record(db, &object).await {
        Recorded::Created(row) => row.id,
        other => panic!("not created: {other:?}"),
    }
}

#[tokio::test]
async fn newest_first_without_the_deleted_and_others() {
    let database = database();
    let db = database.db();
    let mut ids = Vec::new();
    for _ in 0..7 {
        ids.push(file(&db, "alice", 1).await.id);
        let _ = file(&db, "bob", 1).await;
    }
    ids.reverse();
    let gone = ids.remove(3);
    let _ = db
        .delete_files(&user("alice"), &[gone])
        .await
        .expect("deleted");
    for limit in 1..9 {
        let pages = pages(&db, None, limit).await;
        assert_eq!(pages.concat(), ids, "pages of {limit}");
        assert!(
            pages
                .iter()
                .all(|page| page.len() <= usize::try_from(limit).expect("few"))
        );
    }
    // Six files are three full pages, and no empty one after them.
    assert_eq!(pages(&db, None, 2).await.len(), 3);
}

#[tokio::test]
async fn a_prefix_of_the_type_in_any_case() {
    let database = database();
    let db = database.db();
    let jpeg = typed(&db, "image/jpeg").await;
    let _ = typed(&db, "text/plain").await;
    let png = typed(&db, "Image/PNG").await;
    let _ = typed(&db, "imagination/x").await;
    for prefix in ["image/", "IMAGE/"] {
        assert_eq!(pages(&db, Some(prefix), 1).await.concat(), [png, jpeg]);
    }
    assert_eq!(pages(&db, Some("image/%"), 5).await, [[]]);
    assert_eq!(pages(&db, Some("a\0"), 5).await, [[]]);
}

/// A filtered page ends after 10,000 rows, wherever the matches are, and returns the position of
/// the next page.
#[tokio::test]
async fn a_filtered_page_looks_at_ten_thousand_rows() {
    let database = database();
    let db = database.db();
    let oldest = typed(&db, "image/png").await;
    let admin = database.admin().await;
    admin
        .batch_execute(
            "INSERT INTO s3_files (id, object_key, bucket, file_url, user_id, file_name, content_type, size, etag, upload_timestamp)
             SELECT id, 'alice/' || id || '/a', 'b', 'u', 'alice', 'a', 'text/plain', 0, 'e', now()
             FROM (SELECT ('ffffffff-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid AS id FROM generate_series(1, 20000) AS n) AS ids;
             ANALYZE s3_files;",
        )
        .await
        .expect("many rows");
    let pages = pages(&db, Some("image/"), 50).await;
    assert_eq!(pages, [vec![], vec![], vec![oldest]]);
    // Enough matches end the page before that.
    let page = Page {
        limit: 3,
        before: None,
        filter: typed_as(Some("text/")),
    };
    let page = db.list_files(&user("alice"), &page).await.expect("listed");
    assert_eq!(page.next, Some(page.files[2].id));
    // By name, `a` precedes the name of the match.
    let mut page = NamePage {
        limit: 50,
        prefix: String::new(),
        after: None,
        filter: typed_as(Some("image/")),
    };
    for found in [&[][..], &[], &[oldest]] {
        let listed = db.list_by_name(&user("alice"), &page).await;
        let listed = listed.expect("listed");
        let ids: Vec<_> = listed.files.iter().map(|file| file.id).collect();
        assert_eq!(ids, found);
        assert_eq!(listed.next.is_none(), found == [oldest]);
        page.after = listed.next;
    }
    // A search reads no more names than that.
    let mut page = Page {
        limit: 50,
        ..Page::default()
    };
    for (rows, found) in [(10_000, &[][..]), (10_000, &[]), (1, &[oldest])] {
        let looked_at = AtomicU32::new(0);
        let matches = |name: &str| {
            looked_at.fetch_add(1, Ordering::Relaxed);
            name.contains("größe")
        };
        let listed = db.search_files(&user("alice"), &page, &matches).await;
        let listed = listed.expect("listed");
        let ids: Vec<_> = listed.files.iter().map(|file| file.id).collect();
        assert_eq!((looked_at.into_inner(), ids.as_slice()), (rows, found));
        assert_eq!(listed.next.is_none(), found == [oldest]);
        page.before = listed.next;
    }
}

/// A common word ends the search after its first step, and the next page continues after the last
/// match.
#[tokio::test]
async fn a_search_ends_when_its_page_is_full() {
    let database = database();
    let db = database.db();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(file(&db, "alice", 1).await.id);
    }
    ids.reverse();
    let alice = user("alice");
    for limit in 1..7 {
        let mut found = Vec::new();
        let mut page = Page {
            limit,
            ..Page::default()
        };
        loop {
            let listed = db
                .search_files(&alice, &page, &|name| name.contains("ber"))
                .await
                .expect("listed");
            assert!(listed.files.len() <= usize::try_from(limit).expect("few"));
            found.extend(listed.files.iter().map(|file| file.id));
            page.before = listed.next;
            if listed.next.is_none() {
                break;
            }
        }
        assert_eq!(found, ids, "pages of {limit}");
    }
}
