//! `GET /files`, `GET /files/{id}` and `GET /usage`: pages, filters, and missing files.

use std::collections::BTreeSet;

use insta::assert_json_snapshot;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::shape::shape;
use crate::world::{World, put};

/// Inserts rows for `user` as uploads would, oldest first, and returns their ids.
async fn insert(world: &World, user: &str, name: &str, kinds: &[&str]) -> Vec<String> {
    const SQL: &str = "INSERT INTO s3_files (id, object_key, bucket, file_url, user_id, file_name, \
        content_type, size, etag, upload_timestamp) \
        SELECT id, replace($1, '写', '~E5~86~99') || '/' || id || '/a.txt', 'b', 'u', $1, $2, kind, 1, 'e', \
        date_trunc('second', now()) FROM unnest($3::uuid[], $4::text[]) AS given (id, kind)";
    let ids: Vec<Uuid> = kinds.iter().map(|_| Uuid::now_v7()).collect();
    let kinds: Vec<String> = kinds.iter().map(|&kind| kind.to_owned()).collect();
    let sql = world.sql().await;
    sql.execute(SQL, &[&user, &name, &ids, &kinds])
        .await
        .unwrap();
    ids.iter().map(Uuid::to_string).collect()
}

/// All pages from `query` to the last.
async fn pages(world: &World, user: &str, query: &str) -> Vec<Value> {
    let mut pages: Vec<Value> = Vec::new();
    loop {
        let cursor = match pages.last() {
            Some(page) => format!("&cursor={}", page["nextCursor"].as_str().unwrap()),
            None => String::new(),
        };
        let page = world
            .get(user, &format!("/files?{query}{cursor}"))
            .await
            .expect(200);
        let last = page["nextCursor"].is_null();
        pages.push(page);
        if last {
            return pages;
        }
        assert!(pages.len() < 100, "the pages do not end");
    }
}

fn ids(pages: &[Value]) -> Vec<String> {
    let files = pages
        .iter()
        .flat_map(|page| page["files"].as_array().unwrap());
    files
        .map(|file| file["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_new_user_has_no_files() {
    let world = World::new().await;
    assert_json_snapshot!(world.get("alice", "/files").await.expect(200), @r#"
    {
      "files": [],
      "nextCursor": null,
      "success": true
    }
    "#);
    assert_json_snapshot!(world.get("alice", "/usage").await.expect(200), @r#"
    {
      "bytes": 0,
      "files": 0,
      "pendingBytes": 0,
      "quotaBytes": null,
      "success": true
    }
    "#);
    let id = Uuid::now_v7();
    let missing = world.get("alice", &format!("/files/{id}")).await;
    assert_json_snapshot!(missing.json, @r#"
    {
      "code": "not_found",
      "error": "There is no such file.",
      "success": false
    }
    "#);
    missing.refused(404, "not_found");
}

#[tokio::test]
async fn the_newest_is_first() {
    let world = World::new().await;
    let first = world.put_new("alice", "1.txt", "text/plain", b"1").await;
    let second = world.put_new("alice", "2.txt", "text/plain", b"22").await;
    // Sorted by the time of presigning, not of recording.
    world.save("alice", &second).await.expect(201);
    world.save("alice", &first).await.expect(201);
    let page = world.get("alice", "/files?limit=1").await.expect(200);
    assert_json_snapshot!(shape(&page), @r#"
    {
      "files": [
        {
          "checksumCrc64nvme": "1Eyv0SeiVZ4=",
          "checksumSha256": null,
          "contentType": "text/plain",
          "etag": "b6d767d2f8ed5d21a44b0e5886680cb9",
          "fileName": "2.txt",
          "id": "[id]",
          "metadata": {},
          "objectKey": "alice/[id]/2.txt",
          "previewUrl": null,
          "rule": null,
          "size": 2,
          "uploadedAt": "[time]",
          "url": "http://s3/slipway-local/alice/[id]/2.txt?x-id=GetObject&response-cache-control=private%2C%20max-age%3D450&response-content-disposition=inline&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=[…]&X-Amz-Date=[…]&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature=[…]",
          "urlExpiresAt": "[time]"
        }
      ],
      "nextCursor": "[cursor]",
      "success": true
    }
    "#);
    let all = world.list("alice").await;
    assert_eq!(all.len(), 2);
    assert_eq!(
        (&all[0]["id"], &all[1]["id"]),
        (&second["id"], &first["id"])
    );
    assert_eq!(world.usage("alice").await, (2, 3));
    // A single file has the same fields as in the list.
    let one = world
        .get(
            "alice",
            &format!("/files/{}", all[0]["id"].as_str().unwrap()),
        )
        .await;
    assert_eq!(
        shape(&one.expect(200)),
        json!({ "success": true, "file": shape(&all[0]) })
    );
}

#[tokio::test]
async fn pages_show_each_file_once() {
    let world = World::new().await;
    let files: Vec<_> = (0..25)
        .map(|at| json!({ "fileName": format!("{at}.txt"), "contentType": "text/plain" }))
        .collect();
    let answer = world.presign("alice", json!({ "files": files })).await;
    let mut uploaded = Vec::new();
    for upload in answer["uploads"].as_array().unwrap() {
        assert_eq!(put(upload, b"hello").await.status(), 200);
        world.save("alice", upload).await.expect(201);
        uploaded.insert(0, upload["id"].as_str().unwrap().to_owned());
    }
    insert(&world, "bob", "b.txt", &["text/plain"; 9]).await;
    for (limit, lengths) in [
        (7, &[7, 7, 7, 4][..]),
        (5, &[5; 5][..]),
        (24, &[24, 1]),
        (25, &[25]),
        (1000, &[25]),
    ] {
        let pages = pages(&world, "alice", &format!("limit={limit}")).await;
        assert_eq!(ids(&pages), uploaded, "{limit}");
        let found: Vec<_> = pages
            .iter()
            .map(|page| page["files"].as_array().unwrap().len())
            .collect();
        assert_eq!(found, lengths, "{limit}");
    }
    // Inserts and deletes between two pages do not move other files.
    let page = world.get("alice", "/files?limit=7").await.expect(200);
    world.delete("alice", &uploaded[6]).await.expect(200);
    world.delete("alice", &uploaded[7]).await.expect(200);
    world.upload("alice", "new.txt", "text/plain", b"new").await;
    let cursor = page["nextCursor"].as_str().unwrap();
    let next = pages_from(&world, cursor).await;
    assert_eq!(next, uploaded[8..15]);
    assert_eq!(world.usage("alice").await, (24, 23 * 5 + 3));
}

async fn pages_from(world: &World, cursor: &str) -> Vec<String> {
    let page = world
        .get("alice", &format!("/files?limit=7&cursor={cursor}"))
        .await;
    ids(&[page.expect(200)])
}

#[tokio::test]
async fn fifty_is_the_default() {
    let world = World::new().await;
    let inserted = insert(&world, "alice", "a.txt", &["text/plain"; 51]).await;
    let pages = pages(&world, "alice", "").await;
    assert_eq!(pages[0]["files"].as_array().unwrap().len(), 50);
    let newest_first: Vec<_> = inserted.into_iter().rev().collect();
    assert_eq!(ids(&pages), newest_first);
}

#[tokio::test]
async fn queries_that_are_refused() {
    let world = World::new().await;
    insert(&world, "alice", "a.txt", &["text/plain"; 3]).await;
    let page = world.get("alice", "/files?limit=1").await.expect(200);
    let cursor = page["nextCursor"].as_str().unwrap();
    let other_case: String = cursor
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() {
                c.to_ascii_uppercase()
            } else {
                c.to_ascii_lowercase()
            }
        })
        .collect();
    let id = Uuid::now_v7();
    for query in [
        "limit=0".to_owned(),
        "limit=1001".to_owned(),
        "limit=-1".to_owned(),
        "limit=1.5".to_owned(),
        "limit=1e2".to_owned(),
        "limit=".to_owned(),
        "limit=ten".to_owned(),
        "limit=%205".to_owned(),
        "limit=99999999999999999999".to_owned(),
        "limit=1&limit=2".to_owned(),
        "limit=1&limit=1".to_owned(),
        "cursor=".to_owned(),
        "cursor=x".to_owned(),
        "cursor=%00".to_owned(),
        format!("cursor={id}"),
        format!("cursor={cursor}A"),
        format!("cursor={}", &cursor[1..]),
        format!("cursor={other_case}"),
        format!("cursor={}", "A".repeat(28)),
        format!("cursor={cursor}&cursor={cursor}"),
        "contentType=text/&contentType=image/".to_owned(),
        "contentType=image/%00".to_owned(),
        "contentType=%FF".to_owned(),
        "contentType=%C3%BC".to_owned(),
    ] {
        let answer = world.get("alice", &format!("/files?{query}")).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, "invalid_request"),
            "{query}"
        );
    }
    let file = world.list("alice").await[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for query in [
        "download=1",
        "download=",
        "download=TRUE",
        "download=true&download=true",
    ] {
        let answer = world.get("alice", &format!("/files/{file}?{query}")).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, "invalid_request"),
            "{query}"
        );
    }
    // Unknown parameters are ignored.
    for query in [
        "unknown=1&unknown=2",
        "limit=1000",
        "limit=1",
        "contentType=",
        "",
        "&&",
    ] {
        world
            .get("alice", &format!("/files?{query}"))
            .await
            .expect(200);
    }
    world
        .get("alice", &format!("/files/{file}?download=false&limit=0"))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_filter_is_a_prefix_in_any_case() {
    let world = World::new().await;
    let kinds = [
        "image/png",
        "IMAGE/JPEG",
        "imagex/png",
        "text/plain",
        "Text/Plain; charset=utf-8",
    ];
    let mut files = Vec::new();
    for kind in kinds {
        files.push(world.upload("alice", "a", kind, b"x").await);
    }
    for (prefix, found) in [
        ("image/", &[1, 0][..]),
        ("IMAGE/", &[1, 0]),
        ("image", &[2, 1, 0]),
        ("text/plain", &[4, 3]),
        ("text/plain;%20charset=", &[4]),
        ("text/plain%3B+CHARSET%3Dutf-8", &[4]),
        ("", &[4, 3, 2, 1, 0]),
        ("%25", &[]),
        ("_", &[]),
        ("video/", &[]),
    ] {
        let pages = pages(&world, "alice", &format!("contentType={prefix}&limit=1")).await;
        let expected: Vec<_> = found
            .iter()
            .map(|&at: &usize| files[at]["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids(&pages), expected, "{prefix}");
    }
}

#[tokio::test]
async fn a_page_ends_at_four_megabytes() {
    let world = World::new().await;
    // The longest name. The URL of an active type contains the name a second time, encoded twice.
    let (user, name) = ("写".repeat(85), "写".repeat(256));
    let inserted = insert(&world, &user, &name, &["text/html"; 1000]).await;
    let pages = pages(&world, &user, "limit=1000").await;
    assert_eq!(pages.len(), 2);
    for page in &pages {
        let bytes = page.to_string().len();
        assert!(bytes < 4_001_000, "{bytes}");
    }
    assert!(pages[0].to_string().len() > 3_900_000);
    let newest_first: Vec<_> = inserted.into_iter().rev().collect();
    assert_eq!(ids(&pages), newest_first);
}

#[tokio::test]
async fn a_filtered_page_ends_after_ten_thousand_rows() {
    let world = World::new().await;
    let mut kinds = vec!["text/plain"; 20_500];
    for at in [0, 1, 20_499] {
        kinds[at] = "image/png";
    }
    let inserted = insert(&world, "alice", "a", &kinds).await;
    let pages = pages(&world, "alice", "contentType=image/").await;
    let found: Vec<_> = pages
        .iter()
        .map(|page| page["files"].as_array().unwrap().len())
        .collect();
    assert_eq!(found, [1, 0, 2]);
    assert_eq!(
        ids(&pages),
        [&inserted[20_499], &inserted[1], &inserted[0]].map(Clone::clone)
    );
}

#[tokio::test]
async fn missing_files_are_not_found() {
    let world = World::new().await;
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let id = file["id"].as_str().unwrap();
    world
        .get("alice", &format!("/files/{id}"))
        .await
        .expect(200);
    let other: BTreeSet<String> = [
        id.to_uppercase(),
        id.replace('-', ""),
        format!("%7B{id}%7D"),
        format!("urn:uuid:{id}"),
        format!("{id}%20"),
        format!("{id}%00"),
        format!("{id}%0A"),
        format!("{id}%2F"),
        Uuid::now_v7().to_string(),
        Uuid::nil().to_string(),
        "01890a5d-ac96-474b-bcce-b302099a8057".to_owned(),
        "delete".to_owned(),
        "1".to_owned(),
        "'%20OR%20true--".to_owned(),
        "%FF".to_owned(),
        "%2E%2E".to_owned(),
        "写".to_owned(),
        "x".repeat(64),
    ]
    .into();
    for id in other {
        let found = world.get("alice", &format!("/files/{id}")).await;
        assert_eq!((found.status, found.code()), (404, "not_found"), "{id}");
        let deleted = world.delete("alice", &id).await;
        assert_eq!((deleted.status, deleted.code()), (404, "not_found"), "{id}");
    }
    world
        .get("alice", &format!("/files/{id}"))
        .await
        .expect(200);
}
