//! Limits of size: no request is longer than a valid one can be, and no response is longer than
//! Lambda allows.

use serde_json::{Value, json};
use slipway_core::limits::{MAX_ANSWER_BYTES, MAX_BODY_BYTES};
use slipway_core::{FileId, FileName, ObjectKey, UserId};
use slipway_emulators::gateway::GatewayEvent;
use slipway_testkit::token;

use crate::world::{App, World, offline};

/// A request to presign `a.txt`, in a body of exactly `bytes`.
fn padded(bytes: usize) -> String {
    let rest = r#"{"fileName":"a.txt","contentType":"text/plain","other":""}"#;
    let padding = "x".repeat(bytes - rest.len());
    rest.replace(r#""other":"""#, &format!(r#""other":"{padding}""#))
}

fn post(path: &str) -> GatewayEvent {
    GatewayEvent::new("POST", path).bearer(&token("alice"))
}

#[tokio::test]
async fn a_body_over_a_mebibyte_is_refused() {
    let app = offline(&[]);
    for (bytes, fits) in [
        (MAX_BODY_BYTES - 1, true),
        (MAX_BODY_BYTES, true),
        (MAX_BODY_BYTES + 1, false),
        (MAX_BODY_BYTES + 2, false),
        (5_900_000, false),
    ] {
        let body = padded(bytes);
        assert_eq!(body.len(), bytes);
        // As text, and in base64, as API Gateway sends other content types.
        for event in [
            post("/presign-upload").text(&body),
            post("/presign-upload").bytes(body.as_bytes()),
        ] {
            let answer = app.send(event).await;
            if fits {
                answer.expect(200);
            } else {
                let error = answer.refused(413, "request_too_large");
                assert!(error.contains("1048576"), "{error}");
            }
        }
    }
    // Base64 is not decoded to find out that it is too long.
    let mut nonsense = post("/presign-upload").text(&"!".repeat(2 * MAX_BODY_BYTES));
    nonsense.0["isBase64Encoded"] = true.into();
    app.send(nonsense).await.refused(413, "request_too_large");
}

#[tokio::test]
async fn every_route_with_a_body_refuses_a_large_one() {
    let world = World::new().await;
    let begun = json!({ "fileName": "a", "contentType": "a/b", "size": 1 });
    let begun = world.post("alice", "/multipart-uploads", begun).await;
    let begun = begun.expect(201);
    let parts = format!("/multipart-uploads/{}/parts", begun["id"].as_str().unwrap());
    for path in [
        "/presign-upload",
        "/save-metadata",
        "/files/delete",
        "/multipart-uploads",
        &parts,
    ] {
        let answer = world.send(post(path).text(&padded(MAX_BODY_BYTES + 1)));
        answer.await.refused(413, "request_too_large");
    }
    // Routes without a body do not read one.
    let id = format!("/multipart-uploads/{}", begun["id"].as_str().unwrap());
    for (method, path) in [
        ("GET", "/files"),
        ("GET", "/usage"),
        ("GET", id.as_str()),
        ("DELETE", id.as_str()),
        ("PATCH", "/files/01890a5d-ac96-774b-bcce-b302099a8057"),
        ("POST", &format!("{id}/complete")),
    ] {
        let large = GatewayEvent::new(method, path)
            .bearer(&token("alice"))
            .text(&padded(MAX_BODY_BYTES + 1));
        world.send(large).await.refused(413, "request_too_large");
    }
    // Authentication comes first.
    let unauthenticated =
        GatewayEvent::new("POST", "/presign-upload").text(&padded(MAX_BODY_BYTES + 1));
    world
        .send(unauthenticated)
        .await
        .refused(401, "unauthenticated");
}

/// An array of `count` times `entry`, followed by invalid JSON if `broken`.
fn array(field: &str, entry: &str, count: usize, broken: bool) -> String {
    let entries = vec![entry; count].join(",");
    let end = if broken { ",%" } else { "]}" };
    format!(r#"{{"{field}":[{entries}{end}"#)
}

#[tokio::test]
async fn arrays_are_counted_while_they_are_parsed() {
    let world = World::new().await;
    let begun = json!({ "fileName": "a", "contentType": "a/b", "size": 10_000 * 5_242_880_u64 });
    let begun = world.post("alice", "/multipart-uploads", begun).await;
    let begun = begun.expect(201);
    let parts = format!("/multipart-uploads/{}/parts", begun["id"].as_str().unwrap());
    for (path, field, entry, most) in [
        ("/presign-upload", "files", "{}", 100),
        ("/files/delete", "ids", "\"x\"", 1000),
        (parts.as_str(), "partNumbers", "1", 1000),
    ] {
        let too_many = format!("this array must have 1 to {most} entries");
        let refusal = async |body: String| {
            let answer = world.send(post(path).text(&body)).await;
            answer.refused(400, "invalid_request")
        };
        for body in [
            array(field, entry, most + 1, false),
            // The array is not read any further.
            array(field, entry, most + 1, true),
            array(field, entry, 100_000, false),
        ] {
            let error = refusal(body).await;
            assert!(error.contains(&too_many), "{path}: {error}");
        }
        for body in [
            array(field, "", 1, false),
            array(field, entry, most, true),
            format!(r#"{{"{field}":"{entry}"}}"#).replace("\"\"", "\""),
        ] {
            let error = refusal(body).await;
            assert!(!error.contains(&too_many), "{path}: {error}");
        }
    }
}

#[tokio::test]
async fn an_id_of_more_than_64_characters_is_refused() {
    let world = World::new().await;
    for (method, folder) in [
        ("GET", "/files"),
        ("DELETE", "/files"),
        ("GET", "/multipart-uploads"),
        ("DELETE", "/multipart-uploads"),
    ] {
        let with = async |id: String| {
            let event =
                GatewayEvent::new(method, &format!("{folder}/{id}")).bearer(&token("alice"));
            world.send(event).await
        };
        with("x".repeat(65)).await.refused(400, "invalid_request");
        with("x".repeat(64)).await.refused(404, "not_found");
    }
    let file = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    for (long, fits) in [
        ("x".repeat(64), true),
        ("\u{1f642}".repeat(64), true),
        ("\u{1}".repeat(64), true),
        ("x".repeat(65), false),
        ("\u{1f642}".repeat(65), false),
        ("x".repeat(5800), false),
    ] {
        let ids = json!({ "ids": [file["id"], long] });
        let answer = world.post("alice", "/files/delete", ids).await;
        let exists = world.row(file["id"].as_str().unwrap()).await;
        let deleted = !exists.expect("a row")["deleted_at"].is_null();
        if fits {
            assert_eq!(
                answer.expect(200)["missing"].as_array().unwrap().last(),
                Some(&json!(long))
            );
            assert!(deleted);
            continue;
        }
        // The error has the index, and nothing of the request.
        let error = answer.refused(400, "invalid_request");
        assert!(error.starts_with("ids[1] ") && error.len() < 100, "{error}");
    }
    let other = world.upload("alice", "b.txt", "text/plain", b"hello").await;
    let ids = json!({ "ids": [other["id"], "x".repeat(65)] });
    let answer = world.post("alice", "/files/delete", ids).await;
    answer.refused(400, "invalid_request");
    let row = world.row(other["id"].as_str().unwrap()).await;
    assert!(
        row.expect("a row")["deleted_at"].is_null(),
        "nothing was deleted"
    );
}

#[tokio::test]
async fn the_longest_response_of_a_delete_fits() {
    let world = World::new().await;
    // In Lambda's response each of these is `\\u0001`, seven bytes.
    let id = |at: u32| format!("{at:04}{}", "\u{1}".repeat(60));
    let ids: Vec<_> = (0..1000).map(id).collect();
    let answer = world.post("alice", "/files/delete", json!({ "ids": ids }));
    let answer = answer.await;
    assert!(answer.bytes > 400_000 && answer.bytes < MAX_ANSWER_BYTES);
    assert_eq!(answer.expect(200)["missing"], json!(ids));
}

/// Keys of the maximum length, for a user with the longest id.
fn longest() -> (UserId, FileName) {
    let user = UserId::parse("|".repeat(255)).expect("a user");
    let name = FileName::parse("\"".repeat(768)).expect("a name");
    (user, name)
}

#[tokio::test]
async fn the_longest_responses_with_urls_fit() {
    // Longer than any session token of a role that we have seen.
    let token = "IQoJb3JpZ2luX2VjEJr//////////+=".repeat(64);
    let token = [("AWS_SESSION_TOKEN", token.as_str())];
    let (user, name) = longest();
    let app = offline(&token);
    let file = json!({ "fileName": name.as_str(), "contentType": "text/plain", "size": 1 });
    let presign = json!({ "files": vec![file; 100] });
    let answer = app.post(user.as_str(), "/presign-upload", presign).await;
    assert!(answer.bytes < MAX_ANSWER_BYTES, "{}", answer.bytes);
    assert_eq!(answer.expect(200)["uploads"].as_array().unwrap().len(), 100);

    let world = World::new().await;
    let app = world.app(&token);
    let begun = json!({ "fileName": name.as_str(), "contentType": "a/b", "size": 5_000_000_000_u64, "partSize": 5_242_880 });
    let begun = app.post(user.as_str(), "/multipart-uploads", begun).await;
    let begun = begun.expect(201);
    let numbers: Vec<_> = (1..=900).collect();
    let path = format!("/multipart-uploads/{}/parts", begun["id"].as_str().unwrap());
    let answer = app
        .post(user.as_str(), &path, json!({ "partNumbers": numbers }))
        .await;
    assert!(answer.bytes < MAX_ANSWER_BYTES, "{}", answer.bytes);
    assert_eq!(answer.expect(200)["parts"].as_array().unwrap().len(), 900);
}

/// Files whose names and types consist of quotes. Each quote is four bytes in Lambda's response,
/// and one in the page. The names are longer than any that can be recorded, since the limit must
/// not depend on that.
const QUOTES: &str = "\
INSERT INTO s3_files (id, object_key, bucket, file_url, user_id, file_name, content_type, size, etag, upload_timestamp)
SELECT id::uuid, key, 'b', 'u', $3, repeat('\"', 512), repeat('\"', 950), 1, 'e', date_trunc('second', now())
FROM unnest($1::text[], $2::text[]) AS t(id, key)";

async fn pages(app: &App, user: &str) -> Vec<Value> {
    let (mut files, mut next) = (Vec::new(), String::new());
    loop {
        let answer = app.get(user, &format!("/files?limit=1000{next}")).await;
        assert!(answer.bytes <= MAX_ANSWER_BYTES, "{}", answer.bytes);
        let page = answer.expect(200);
        let found = page["files"].as_array().unwrap();
        assert!(!found.is_empty(), "every page has a file");
        files.extend(found.iter().map(|file| file["id"].clone()));
        let Some(cursor) = page["nextCursor"].as_str() else {
            return files;
        };
        next = format!("&cursor={cursor}");
    }
}

#[tokio::test]
async fn a_page_stays_below_lambdas_limit_for_any_names() {
    let world = World::with(&[("PUBLIC_BASE_URL", "https://cdn.test")]).await;
    let user = UserId::parse("u".to_owned()).expect("a user");
    let name = FileName::parse("a".to_owned()).expect("a name");
    let keys: Vec<_> = (0..1000)
        .map(|_| ObjectKey::new(user.clone(), FileId::new(), &name))
        .collect();
    let ids: Vec<_> = keys.iter().map(|key| key.id().to_string()).collect();
    let keys: Vec<_> = keys.iter().map(|key| key.as_str().to_owned()).collect();
    let sql = world.sql().await;
    sql.execute(QUOTES, &[&ids, &keys, &"u"]).await.unwrap();
    // With plain URLs, most of the page is escaped. With signed URLs, each file is largest.
    let signed = world.app(&[("PUBLIC_BASE_URL", "")]);
    for app in [&*world, &signed] {
        let mut found = pages(app, "u").await;
        found.reverse();
        assert_eq!(found, ids);
    }
}
