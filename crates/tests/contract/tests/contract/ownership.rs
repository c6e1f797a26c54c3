//! No user can list, read, confirm or delete another user's file: by any route, key or id.

use serde_json::{Value, json};

use crate::record_upload::found;
use crate::world::{Events, World, encoded, without_url};

fn id(file: &Value) -> &str {
    file["id"].as_str().unwrap()
}

fn key(file: &Value) -> &str {
    file["objectKey"].as_str().unwrap()
}

/// Pairs of users that a careless comparison, path or pattern would confuse.
const PAIRS: [(&str, &str); 17] = [
    ("alice", "bob"),
    ("alice", "Alice"),
    ("alice", "alice "),
    ("alice", "alice\t"),
    ("alice", "bob/../alice"),
    ("alice", "alice/../bob"),
    ("alice/", "alice~2F"),
    ("alice", "alice%2F"),
    ("a_ice", "alice"),
    ("%", "alice"),
    (".", ".."),
    ("~", "~7E"),
    ("ä", "a\u{308}"),
    ("\u{202e}alice", "alice\u{200b}"),
    ("'; DROP TABLE s3_files; --", "null"),
    ("auth0|1", "auth0~7C1"),
    ("alice@example.com", "alice~40example.com"),
];

#[tokio::test]
async fn users_are_isolated() {
    let world = World::new().await;
    for (alice, bob) in PAIRS {
        both_ways(&world, alice, bob).await;
    }
    let long = "a".repeat(255);
    let other = format!("{}b", &long[..254]);
    both_ways(&world, &long, &other).await;
    let (long, other) = ("ü".repeat(127), "\u{10ffff}".repeat(63));
    both_ways(&world, &long, &other).await;
}

async fn both_ways(world: &World, alice: &str, bob: &str) {
    one_way(world, alice, bob).await;
    one_way(world, bob, alice).await;
}

/// `bob` has a file, and `alice` tries everything to reach it.
async fn one_way(world: &World, alice: &str, bob: &str) {
    let unconfirmed = world.put_new(bob, "b.txt", "text/plain", b"secret").await;
    let file = world.upload(bob, "a.txt", "text/plain", b"secret").await;
    let row = world.row(id(&file)).await;
    let begun = world.uploaded(bob, b"in parts").await;
    let shown = format!("{alice:?} and {bob:?}");

    // Listing and reading.
    assert!(world.list(alice).await.is_empty(), "{shown}");
    assert_eq!(world.usage(alice).await, (0, 0), "{shown}");
    let target = format!("/files/{}", id(&file));
    for query in ["", "?download=true"] {
        let answer = world.get(alice, &format!("{target}{query}")).await;
        assert_eq!(
            answer.refused(404, "not_found"),
            "There is no such file.",
            "{shown}"
        );
    }
    assert!(world.open_uploads(alice).await.is_empty(), "{shown}");
    let routes = [
        ("GET", ""),
        ("POST", "parts"),
        ("POST", "complete"),
        ("DELETE", ""),
    ];
    for (method, of) in routes {
        for his in [&begun, &file, &unconfirmed] {
            let answer = world.about(alice, method, his, of).await;
            answer.refused(404, "not_found");
        }
    }
    // Confirming: bob's file, his unconfirmed upload, and keys that combine his id and hers.
    for foreign in [&file, &unconfirmed] {
        world.save(alice, foreign).await.refused(403, "forbidden");
        let own = world
            .presign(alice, json!({ "fileName": "x", "contentType": "a/b" }))
            .await;
        let owner = key(&own).split('/').next().unwrap();
        let made_up = format!("{owner}/{}/a.txt", id(foreign));
        let answer = world.save(alice, &json!({ "objectKey": made_up })).await;
        answer.refused(409, "upload_not_found");
    }
    // Renaming.
    for foreign in [&file, &unconfirmed, &begun] {
        let body = json!({ "fileName": "stolen", "metadata": { "a": "b" } });
        let answer = world.patch(alice, id(foreign), body).await;
        answer.refused(404, "not_found");
    }
    assert_eq!(
        world.described(key(&file)).await["name"],
        encoded("a.txt"),
        "{shown}"
    );
    // Deleting.
    world
        .delete(alice, id(&file))
        .await
        .refused(404, "not_found");
    let ids = json!({ "ids": [id(&file), id(&unconfirmed)] });
    let done = world
        .post(alice, "/files/delete", ids.clone())
        .await
        .expect(200);
    assert_eq!(
        (&done["deleted"], &done["missing"]),
        (&json!([]), &ids["ids"]),
        "{shown}"
    );

    // Nothing has changed for bob, and alice has only her own file.
    assert_eq!(world.row(id(&file)).await, row, "{shown}");
    assert_eq!(world.object(key(&file)).await.unwrap(), b"secret");
    world.save(bob, &unconfirmed).await.expect(201);
    let mine = world.upload(alice, "c.txt", "text/plain", b"mine").await;
    let listed = world.list(alice).await;
    let listed: Vec<_> = listed.iter().map(without_url).collect();
    assert_eq!(listed, [without_url(&mine)], "{shown}");
    let his: Vec<_> = world
        .list(bob)
        .await
        .iter()
        .map(|file| file["id"].clone())
        .collect();
    assert_eq!(
        his,
        [file["id"].clone(), unconfirmed["id"].clone()],
        "{shown}"
    );
    assert_eq!(world.open_uploads(bob).await, [id(&begun)], "{shown}");
    world.abort(bob, &begun).await.expect(200);
    // His cursors lead her nowhere but through her own, whatever she lists and searches.
    lists_show_her_own(world, alice, bob, &mine).await;

    for (user, file) in [(alice, &mine), (bob, &file), (bob, &unconfirmed)] {
        world.delete(user, id(file)).await.expect(200);
    }
    assert!(world.is_empty().await, "{shown}");
}

/// `alice` lists in every way that `bob` does, from the start and from his cursors on.
async fn lists_show_her_own(world: &World, alice: &str, bob: &str, mine: &Value) {
    for query in [
        "",
        "&sort=name",
        "&prefix=",
        "&prefix=a",
        "&prefix=b",
        "&delimiter=/",
        "&delimiter=/&prefix=a",
        "&q=a",
        "&q=.TXT",
        "&rule=default",
        "&contentType=text/",
    ] {
        let page = world.get(bob, &format!("/files?limit=1{query}")).await;
        let page = page.expect(200);
        let mut cursors = vec![String::new()];
        let cursor = page["nextCursor"].as_str();
        cursors.extend(cursor.map(|cursor| format!("&cursor={cursor}")));
        for cursor in cursors {
            let page = world.get(alice, &format!("/files?{query}{cursor}")).await;
            for file in page.expect(200)["files"].as_array().unwrap() {
                assert_eq!(file["id"], mine["id"], "{alice:?} and {bob:?} {query}");
            }
        }
    }
}

#[tokio::test]
async fn the_id_of_another_users_file_cannot_be_reused() {
    let world = World::new().await;
    let file = world.upload("bob", "a.txt", "text/plain", b"secret").await;
    let row = world.row(id(&file)).await;
    world.notifications().await;
    // No client can upload under this key; an administrator of the bucket could.
    let twin = format!("alice/{}/a.txt", id(&file));
    world.put_object(&twin, "text/plain", b"mine").await;
    let answer = world.save("alice", &json!({ "objectKey": twin })).await;
    answer.refused(400, "invalid_key");
    let reports = world.deliver_events(Events::Once).await;
    assert_eq!(found(&reports[0]), json!({ "foreign": 1 }));
    assert_eq!(world.row(id(&file)).await, row);
    assert_eq!(world.usage("alice").await, (0, 0));
    assert!(world.list("alice").await.is_empty());
    // Not even after bob's file is deleted, or missing.
    world.delete("bob", id(&file)).await.expect(200);
    let answer = world.save("alice", &json!({ "objectKey": twin })).await;
    answer.refused(400, "invalid_key");
    assert!(world.is_tombstone(id(&file)).await);
}

#[tokio::test]
async fn events_record_for_the_owner_in_the_key() {
    let world = World::new().await;
    let mut users = Vec::new();
    for (alice, bob) in PAIRS {
        users.extend([alice, bob]);
    }
    users.sort_unstable();
    users.dedup();
    for user in &users {
        world
            .put_new(
                user,
                user.trim_matches(char::is_control),
                "text/plain",
                b"hello",
            )
            .await;
    }
    for report in world.deliver_events(Events::Reversed).await {
        assert_eq!(found(&report), json!({ "recorded": 1 }));
    }
    for user in &users {
        let files = world.list(user).await;
        assert_eq!(files.len(), 1, "{user:?}");
        assert_eq!(files[0]["fileName"], user.trim_matches(char::is_control));
        assert_eq!(world.usage(user).await, (1, 5), "{user:?}");
    }
}
