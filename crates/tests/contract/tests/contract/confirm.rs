//! `save-metadata` with `objectKeys`: one result for each key, the same as for a request with only
//! this key.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::world::{Answer, App, World};
use slipway_testkit::HttpProxy;

async fn confirm(app: &App, keys: &[Value]) -> Answer {
    let body = json!({ "objectKeys": keys });
    app.post("alice", "/save-metadata", body).await
}

/// The results, which have the order of `keys` and name them.
pub(crate) async fn results(app: &App, keys: &[Value]) -> Vec<Value> {
    let answer = confirm(app, keys).await.expect(200);
    let results = answer["results"].as_array().unwrap().clone();
    let named: Vec<Value> = results.iter().map(|one| one["objectKey"].clone()).collect();
    assert_eq!(named, keys);
    results
}

pub(crate) fn codes(results: &[Value]) -> Vec<&str> {
    let code = |result: &'_ Value| result.get("code").is_none();
    results
        .iter()
        .map(|one| {
            if code(one) {
                ""
            } else {
                one["code"].as_str().unwrap()
            }
        })
        .collect()
}

pub(crate) async fn put(app: &App, name: &str, bytes: &[u8]) -> Value {
    let presigned = app.put_new("alice", name, "text/plain", bytes).await;
    presigned["objectKey"].clone()
}

#[tokio::test]
async fn each_key_has_a_result_of_its_own() {
    let rules = r#"{"default": {}, "small": {"maxBytes": 3}}"#;
    let world = World::with(&[("UPLOAD_RULES", rules)]).await;
    let (first, second) = (put(&world, "1", b"1").await, put(&world, "2", b"22").await);
    let known = put(&world, "3", b"333").await;
    let recorded = json!({ "objectKey": known });
    let known_file = world.save("alice", &recorded).await.expect(201)["file"].clone();
    let deleted = world.upload("alice", "4", "text/plain", b"4").await;
    world.delete("alice", deleted["id"].as_str().unwrap()).await;
    let ask = json!({ "fileName": "5", "contentType": "text/plain" });
    let missing = world.presign("alice", ask).await["objectKey"].clone();
    let other = world.put_new("bob", "6", "text/plain", b"6").await["objectKey"].clone();
    let large = json!("alice/01890a5d-ac96-774b-bcce-b302099a8057/a");
    let rule = [("rule", "small")];
    world
        .put_described(large.as_str().unwrap(), "text/plain", b"large", &rule)
        .await;
    let keys = [
        first.clone(),
        json!("\"\\no key"),
        known.clone(),
        missing,
        first.clone(),
        other,
        deleted["objectKey"].clone(),
        large,
        second,
        json!(""),
    ];
    let found = results(&world, &keys).await;
    let expected = [
        "",
        "invalid_key",
        "",
        "upload_not_found",
        "",
        "forbidden",
        "file_deleted",
        "file_too_large",
        "",
        "invalid_key",
    ];
    assert_eq!(codes(&found), expected);
    assert_eq!(found[0], found[4]);
    assert_eq!(found[2]["file"], known_file);
    assert_eq!(found[8]["file"]["size"], 2);
    assert_eq!(world.usage("alice").await, (3, 6));
    assert_eq!(world.usage("bob").await, (0, 0));
    // Each has the result of a single request, also when it is repeated.
    for (key, result) in keys.iter().zip(&found) {
        let alone = world.save("alice", &json!({ "objectKey": key })).await;
        if let Some(file) = result.get("file") {
            assert_eq!(&alone.expect(200)["file"], file);
        } else {
            assert_eq!(alone.code(), result["code"]);
            // The limit is named only to the call that refuses.
            let is_later = alone.code() == "file_too_large";
            assert!(
                is_later || alone.json["error"] == result["error"],
                "{result}"
            );
        }
    }
    assert_eq!(codes(&results(&world, &keys).await), expected);
    assert_eq!(world.usage("alice").await, (3, 6));
}

#[tokio::test]
async fn a_hundred_at_once_from_many_sides() {
    let world = World::new().await;
    let mut keys = Vec::new();
    for at in 0..100 {
        keys.push(put(&world, &at.to_string(), b"hello").await);
    }
    let reversed: Vec<Value> = keys.iter().rev().cloned().collect();
    let calls = [&keys, &reversed, &keys, &reversed].map(|keys| {
        let app = world.app(&[]);
        async move { results(&app, keys).await }
    });
    for found in join_all(calls).await {
        assert!(
            found.iter().all(|one| one["file"]["size"] == 5),
            "{found:?}"
        );
    }
    assert_eq!(world.usage("alice").await, (100, 500));
    assert_eq!(world.list("alice").await.len(), 100);
}

#[tokio::test]
async fn a_quota_takes_what_fits_in_the_order_of_the_keys() {
    let world = World::new().await;
    let keys = [
        put(&world, "1", b"four").await,
        put(&world, "2", b"five!").await,
        put(&world, "3", b"three").await,
        put(&world, "4", b"1").await,
        put(&world, "5", b"").await,
    ];
    let app = world.app(&[("USER_QUOTA_BYTES", "10")]);
    let found = results(&app, &keys).await;
    assert_eq!(codes(&found), ["", "", "quota_exceeded", "", ""]);
    assert_eq!(world.usage("alice").await, (4, 10));
    assert!(world.object(keys[2].as_str().unwrap()).await.is_none());
    let again = results(&app, &keys).await;
    assert_eq!(codes(&again), ["", "", "quota_exceeded", "", ""]);
    // A larger overwrite that exceeds the quota also refuses the earlier file, as in a single
    // request.
    let overwritten = keys[3].as_str().unwrap();
    world.put_object(overwritten, "text/plain", b"22").await;
    let found = results(&app, &keys).await;
    assert_eq!(
        codes(&found),
        ["", "", "quota_exceeded", "quota_exceeded", ""]
    );
    assert_eq!(world.usage("alice").await, (3, 9));
}

#[tokio::test]
async fn concurrent_calls_never_exceed_the_quota() {
    let world = World::new().await;
    let mut keys = Vec::new();
    for at in 0..24 {
        keys.push(put(&world, &at.to_string(), b"12345").await);
    }
    let calls = keys.chunks(6).map(|keys| {
        let app = world.app(&[("USER_QUOTA_BYTES", "60")]);
        async move { results(&app, keys).await }
    });
    let found = join_all(calls).await.concat();
    let fitting = codes(&found).iter().filter(|code| code.is_empty()).count();
    // If every selection came too late, the request fails, and succeeds when it is repeated.
    assert!(fitting <= 12, "{found:?}");
    let app = world.app(&[("USER_QUOTA_BYTES", "60")]);
    let again = results(&app, &keys).await;
    let fitting = codes(&again).iter().filter(|code| code.is_empty()).count();
    assert_eq!(
        world.usage("alice").await,
        (fitting as u64, fitting as u64 * 5)
    );
    assert!(
        codes(&again)
            .iter()
            .all(|code| ["", "quota_exceeded"].contains(code)),
        "{again:?}"
    );
}

/// Two keys with the same id. Presigning generates at most one of them, so the others belong to no
/// file.
#[tokio::test]
async fn two_keys_with_one_id() {
    let world = World::new().await;
    let first = put(&world, "a", b"hello").await;
    let second = json!(first.as_str().unwrap().replace("/a", "/b"));
    world
        .put_object(second.as_str().unwrap(), "text/plain", b"other")
        .await;
    let keys = [first, second];
    for _ in 0..2 {
        assert_eq!(codes(&results(&world, &keys).await), ["", "invalid_key"]);
    }
    assert_eq!(world.usage("alice").await, (1, 5));
}

#[tokio::test]
async fn renames_within_a_second_are_seen_here_too() {
    let world = World::new().await;
    let now = time::OffsetDateTime::now_utc().truncate_to_second();
    world.server.stop_clock(now);
    let keys = [put(&world, "a", b"1").await, put(&world, "b", b"2").await];
    results(&world, &keys).await;
    for name in ["c", "d"] {
        let encoded = crate::world::encoded(name);
        let described = [("name", encoded.as_str())];
        world.describe(keys[1].as_str().unwrap(), &described).await;
        let found = results(&world, &keys).await;
        assert_eq!(found[0]["file"]["fileName"], "a");
        assert_eq!(found[1]["file"]["fileName"], name);
    }
}

#[tokio::test]
async fn requests_that_make_no_sense() {
    let world = World::new().await;
    let key = "alice/01890a5d-ac96-774b-bcce-b302099a8057/a";
    for body in [
        json!({}),
        json!({ "objectKeys": [] }),
        json!({ "objectKeys": key }),
        json!({ "objectKeys": [1] }),
        json!({ "objectKeys": [null] }),
        json!({ "objectKeys": vec![key; 101] }),
        json!({ "objectKey": key, "objectKeys": [key] }),
        json!({ "objectKey": null, "objectKeys": null }),
    ] {
        let answer = world.post("alice", "/save-metadata", body.clone()).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, "invalid_request"),
            "{body}"
        );
    }
    let body = json!({ "objectKey": null, "objectKeys": vec![key; 100] });
    let answer = world
        .post("alice", "/save-metadata", body)
        .await
        .expect(200);
    assert_eq!(answer["results"].as_array().unwrap().len(), 100);
}

/// A request with a key of one megabyte gets a response, which fits into Lambda's limit.
#[tokio::test]
async fn a_huge_key_is_a_wrong_key() {
    let world = World::new().await;
    let keys = [json!("\"".repeat(500_000)), json!("a")];
    let answer = confirm(&world, &keys).await;
    assert!(answer.bytes < 6_000_000);
    let answer = answer.expect(200);
    assert_eq!(answer["results"][0]["code"], "invalid_key");
}

#[tokio::test]
async fn s3_or_postgres_is_away() {
    let world = World::new().await;
    let key = put(&world, "a", b"hello").await;
    let keys = [key, json!("no key")];
    let gate = HttpProxy::before(&world.endpoint()).await;
    gate.close_on("HTTP/1.1");
    let app = world.app(&[("S3_ENDPOINT", &gate.endpoint())]);
    assert_eq!(
        codes(&results(&app, &keys).await),
        ["unavailable", "invalid_key"]
    );
    gate.heal();
    assert_eq!(codes(&results(&app, &keys).await), ["", "invalid_key"]);
    // Nothing listens on this port.
    let app = world.app(&[("DATABASE_URL", "postgres://alice:password@127.0.0.1:9/x")]);
    confirm(&app, &keys).await.refused(503, "unavailable");
}
