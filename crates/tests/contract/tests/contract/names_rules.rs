//! Names as paths: refused requests, the cursors of each order, and the length of a page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use slipway_core::limits::MAX_ANSWER_BYTES;

use crate::names::{Named, insert, walk};
use crate::world::World;

fn named(names: &[&str]) -> Vec<Named> {
    names.iter().copied().map(Named::new).collect()
}

async fn names(world: &World, user: &str, query: &str) -> Vec<String> {
    let pages = walk(world, user, query).await.concat();
    pages.into_iter().map(|(name, _)| name).collect()
}

#[tokio::test]
async fn folders_are_shown_where_they_sort() {
    let world = World::new().await;
    let files = named(&[
        "readme",
        "a/1",
        "a/2",
        "a/b/3",
        "a.txt",
        "a0",
        "/etc/passwd",
        "b//c",
        "写/真",
        "Z/z",
    ]);
    insert(&world, "alice", &files).await;
    let root = world.get("alice", "/files?delimiter=/").await.expect(200);
    assert_eq!(root["folders"], json!(["/", "Z/", "a/", "b/", "写/"]));
    for (query, expected) in [
        (
            "delimiter=/",
            &["/", "Z/", "a.txt", "a/", "a0", "b/", "readme", "写/"][..],
        ),
        (
            "delimiter=/&limit=1",
            &["/", "Z/", "a.txt", "a/", "a0", "b/", "readme", "写/"],
        ),
        (
            "delimiter=/&sort=name",
            &["/", "Z/", "a.txt", "a/", "a0", "b/", "readme", "写/"],
        ),
        ("delimiter=%2F&prefix=a/", &["a/1", "a/2", "a/b/"]),
        ("delimiter=/&prefix=a", &["a.txt", "a/", "a0"]),
        ("delimiter=/&prefix=b/", &["b//"]),
        ("delimiter=/&prefix=b//", &["b//c"]),
        ("delimiter=/&prefix=none/", &[]),
        ("prefix=a/", &["a/1", "a/2", "a/b/3"]),
        ("prefix=a/1", &["a/1"]),
        ("prefix=A", &[]),
        ("prefix=%25", &[]),
        ("prefix=_", &[]),
        ("q=B/", &["b//c", "a/b/3"]),
        ("q=%25", &[]),
        ("q=%5C", &[]),
    ] {
        assert_eq!(names(&world, "alice", query).await, expected, "{query}");
    }
    // Only a list with folders has the field.
    let page = world.get("alice", "/files?prefix=a/").await.expect(200);
    assert_eq!(page.get("folders"), None);
    let empty = world.get("bob", "/files?delimiter=/").await.expect(200);
    assert_eq!(
        empty,
        json!({ "success": true, "files": [], "folders": [], "nextCursor": null })
    );
}

#[tokio::test]
async fn parameters_that_are_refused() {
    let world = World::new().await;
    let longest = "a".repeat(768);
    for query in [
        "sort=".to_owned(),
        "sort=size".to_owned(),
        "sort=NAME".to_owned(),
        "sort=-name".to_owned(),
        "sort=name&sort=name".to_owned(),
        "delimiter=".to_owned(),
        "delimiter=.".to_owned(),
        "delimiter=//".to_owned(),
        "delimiter=%5C".to_owned(),
        "delimiter=/&contentType=image/".to_owned(),
        "delimiter=/&rule=avatar".to_owned(),
        "q=a&prefix=a".to_owned(),
        "q=a&delimiter=/".to_owned(),
        "q=a&sort=name".to_owned(),
        "q=%00".to_owned(),
        "q=a%0Ab".to_owned(),
        "q=%C2%85".to_owned(),
        "prefix=%00".to_owned(),
        "prefix=a%7F".to_owned(),
        "prefix=a&prefix=a".to_owned(),
        format!("q={longest}a"),
        format!("prefix={longest}a"),
        format!("prefix={}", "%E5%86%99".repeat(257)),
        "rule=".to_owned(),
        "rule=Avatar".to_owned(),
        "rule=a_b".to_owned(),
        "rule=%00".to_owned(),
        format!("rule={}", "a".repeat(33)),
    ] {
        let answer = world.get("alice", &format!("/files?{query}")).await;
        let shown = (answer.status, answer.code());
        assert_eq!(shown, (400, "invalid_request"), "{query}");
    }
    for query in [
        "q=&prefix=a&delimiter=/".to_owned(),
        "q=a&prefix=".to_owned(),
        "prefix=&q=&sort=name".to_owned(),
        "delimiter=/&contentType=".to_owned(),
        "sort=name&contentType=image/&rule=avatar".to_owned(),
        "q=a&contentType=image/&rule=avatar".to_owned(),
        format!("q={longest}"),
        format!("prefix={longest}&delimiter=/"),
        format!("prefix={}", "%E5%86%99".repeat(256)),
        format!("rule={}", "-".repeat(32)),
        "prefix=%F4%8F%BF%BF&delimiter=/".to_owned(),
        "Sort=size&Q=%00".to_owned(),
    ] {
        let page = world.get("alice", &format!("/files?{query}")).await;
        page.expect(200);
    }
}

async fn cursor(world: &World, user: &str, query: &str) -> String {
    let page = world
        .get(user, &format!("/files?limit=1&{query}"))
        .await
        .expect(200);
    page["nextCursor"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_cursor_belongs_to_its_order_and_filters() {
    let world = World::new().await;
    let files: Vec<_> = ["a/1", "a/2", "a/3"]
        .map(|name| Named {
            rule: Some("avatar"),
            ..Named::new(name)
        })
        .into();
    insert(&world, "alice", &files).await;
    let lists = [
        "",
        "contentType=text/",
        "contentType=text",
        "rule=avatar",
        "contentType=text/&rule=avatar",
        "q=a",
        "q=a/",
        "q=a&rule=avatar",
        "sort=name",
        "sort=name&rule=avatar",
        "prefix=a",
        "prefix=a/",
        "prefix=a/&contentType=text/",
        "prefix=a/&delimiter=/",
    ];
    for from in lists {
        let cursor = cursor(&world, "alice", from).await;
        for with in lists {
            let answer = world
                .get("alice", &format!("/files?{with}&cursor={cursor}"))
                .await;
            if from == with {
                answer.expect(200);
            } else {
                let shown = (answer.status, answer.code());
                assert_eq!(shown, (400, "invalid_request"), "{from} with {with}");
            }
        }
        // The page length, and parameters without an effect, may change between pages.
        let same = format!("/files?q=&limit=7&unknown=1&{from}&cursor={cursor}");
        if !from.contains("q=") {
            world.get("alice", &same).await.expect(200);
        }
    }
    // A list with a prefix is ordered by name already.
    let cursor = cursor(&world, "alice", "prefix=a").await;
    let named = format!("/files?prefix=a&sort=name&cursor={cursor}");
    world.get("alice", &named).await.expect(200);
    // A cursor of an earlier version: the id of the newest file, and a tag.
    let id = slipway_core::FileId::from_uuid(files[2].id).unwrap();
    let old = old_cursor(id);
    for query in ["", "&contentType=text/"] {
        let page = world
            .get("alice", &format!("/files?cursor={old}{query}"))
            .await;
        assert_eq!(page.expect(200)["files"][0]["fileName"], "a/2");
    }
    for query in ["sort=name", "q=a", "rule=avatar", "delimiter=/"] {
        let answer = world
            .get("alice", &format!("/files?cursor={old}&{query}"))
            .await;
        answer.refused(400, "invalid_request");
    }
}

fn old_cursor(id: slipway_core::FileId) -> String {
    let mut bytes = id.uuid().as_bytes().to_vec();
    let tagged = [b"slipway cursor 1 ".as_slice(), &bytes].concat();
    let tag = ring::digest::digest(&ring::digest::SHA256, &tagged);
    bytes.extend_from_slice(&tag.as_ref()[..5]);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Uploads and files are two lists, so the cursor of one is not valid in the other.
#[tokio::test]
async fn cursors_of_uploads_and_of_files_are_not_exchanged() {
    let world = World::new().await;
    insert(&world, "alice", &named(&["a", "b"])).await;
    world.begin("alice", 1).await;
    world.begin("alice", 1).await;
    for (from, to) in [
        ("/files", "/multipart-uploads"),
        ("/multipart-uploads", "/files"),
    ] {
        let page = world.get("alice", &format!("{from}?limit=1")).await;
        let cursor = page.expect(200)["nextCursor"].as_str().unwrap().to_owned();
        let with = async |path: &str| {
            let target = format!("{path}?limit=1&cursor={cursor}");
            world.get("alice", &target).await
        };
        with(from).await.expect(200);
        with(to).await.refused(400, "invalid_request");
    }
}

/// Between two pages, the last file of a folder may be deleted, and files may be added.
#[tokio::test]
async fn pages_continue_whatever_happens_between_them() {
    let world = World::new().await;
    for (user, query, expected) in [
        ("alice", "delimiter=/", &["b/", "c", "d/"][..]),
        ("bob", "sort=name", &["b/0", "b/1", "c", "d/1"]),
    ] {
        let files = named(&["a/1", "b/1", "c", "d/1"]);
        insert(&world, user, &files).await;
        let cursor = cursor(&world, user, query).await;
        let late = named(&["a/0", "a/2", "b/0"]);
        insert(&world, user, &late).await;
        for gone in [&files[0], &late[1]] {
            world.delete(user, &gone.id.to_string()).await.expect(200);
        }
        let found = names(&world, user, &format!("{query}&cursor={cursor}")).await;
        assert_eq!(found, expected, "{query}");
    }
}

/// The bytes of each page of a thousand files, as the client receives them.
async fn page_bytes(world: &World, user: &str, query: &str) -> (usize, Vec<usize>) {
    let (mut bytes, mut entries, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let answer = world
            .get(user, &format!("/files?limit=1000&{query}{cursor}"))
            .await;
        assert!(answer.bytes <= MAX_ANSWER_BYTES, "{}", answer.bytes);
        let page = answer.expect(200);
        bytes.push(page.to_string().len());
        let count = |list: &Value| list.as_array().map_or(0, Vec::len);
        entries += count(&page["files"]) + count(&page["folders"]);
        match page["nextCursor"].as_str() {
            None => return (entries, bytes),
            Some(next) => cursor = format!("&cursor={next}"),
        }
    }
}

#[tokio::test]
async fn pages_of_long_names_end_at_four_megabytes() {
    let world = World::new().await;
    // The longest names. The URL of an active type contains the name a second time, encoded twice.
    let user = "写".repeat(85);
    let name = |number: usize| format!("{number:03}{}", "写".repeat(255));
    let long = |number| Named {
        kind: "text/html",
        ..Named::new(name(number))
    };
    let mut files: Vec<_> = (0..1000).map(long).collect();
    insert(&world, &user, &files).await;
    for query in ["sort=name", "delimiter=/"] {
        let (entries, bytes) = page_bytes(&world, &user, query).await;
        assert_eq!((entries, bytes.len()), (1000, 2), "{query}");
        assert!(
            bytes[0] > 3_900_000 && bytes[0] < 4_003_000,
            "{query}: {}",
            bytes[0]
        );
    }
    // Folders between them, with names of the same length: they count too.
    let folder = |number: usize| Named::new(format!("{number:03}-{}/a", "写".repeat(254)));
    let folders: Vec<_> = (0..1000).map(folder).collect();
    insert(&world, &user, &folders).await;
    files.extend(folders);
    let (entries, bytes) = page_bytes(&world, &user, "delimiter=/").await;
    assert_eq!(entries, files.len());
    assert!(bytes.iter().all(|&bytes| bytes < 4_003_000), "{bytes:?}");
}

/// Quotes are four bytes in Lambda's response, and two for the client.
#[tokio::test]
async fn answers_with_quotes_stay_below_lambdas_limit() {
    let world = World::new().await;
    let quotes = "\"".repeat(760);
    let files: Vec<_> = (0..4000)
        .map(|number| Named::new(format!("{number:04}{quotes}/a")))
        .collect();
    insert(&world, "alice", &files).await;
    let (entries, bytes) = page_bytes(&world, "alice", "delimiter=/").await;
    assert_eq!(entries, 4000);
    assert_eq!(bytes.len(), 4, "a thousand folders fit: {bytes:?}");
    let files: Vec<_> = (0..1000)
        .map(|number| Named::new(format!("{number:04}{quotes}")))
        .collect();
    insert(&world, "bob", &files).await;
    for query in ["sort=name", "delimiter=/", "q=%22"] {
        let (entries, bytes) = page_bytes(&world, "bob", query).await;
        assert_eq!(entries, 1000, "{query}");
        assert!(bytes.iter().all(|&bytes| bytes < 4_003_000), "{bytes:?}");
    }
}
