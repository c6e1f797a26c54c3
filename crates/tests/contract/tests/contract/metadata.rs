//! The application's own fields: signed with the upload, stored by S3, kept in the table, and
//! returned with the file.

use serde_json::{Value, json};

use crate::world::{App, World, encoded, failed, offline};
use slipway_testkit::token;

fn photo() -> Value {
    json!({ "album": "Ferien \"2026\"", "_-0": "" })
}

fn ask(metadata: &Value) -> Value {
    json!({ "fileName": "a.txt", "contentType": "text/plain", "metadata": metadata })
}

#[tokio::test]
async fn metadata_travels_with_the_upload() {
    let world = World::new().await;
    let presigned = world.presign("alice", ask(&photo())).await;
    // The client sends no additional headers.
    assert_eq!(
        presigned["headers"],
        json!({ "Content-Type": "text/plain" })
    );
    assert_eq!(world.put(&presigned, b"hello").await.status(), 200);
    let stored = world.described(presigned["objectKey"].as_str().unwrap());
    let compact = r#"{"_-0":"","album":"Ferien \"2026\""}"#;
    assert_eq!(stored.await["data"], encoded(compact));
    let file = world.save("alice", &presigned).await.expect(201)["file"].clone();
    assert_eq!(file["metadata"], photo());
    assert_eq!(
        world.save("alice", &presigned).await.expect(200)["file"],
        file
    );
    let listed = world.list("alice").await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["metadata"], photo());
}

#[tokio::test]
async fn a_batch_and_an_upload_in_parts_take_it_too() {
    let world = World::new().await;
    let files = json!([ask(&photo()), ask(&json!({})), ask(&Value::Null)]);
    let batch = world.presign("alice", json!({ "files": files })).await;
    for (upload, expected) in
        batch["uploads"]
            .as_array()
            .unwrap()
            .iter()
            .zip([photo(), json!({}), json!({})])
    {
        let has_data = upload["presignedUrl"]
            .to_string()
            .contains("x-amz-meta-data");
        assert_eq!(has_data, expected != json!({}), "{upload}");
        assert_eq!(world.put(upload, b"hello").await.status(), 200);
        let file = world.save("alice", upload).await.expect(201)["file"].clone();
        assert_eq!(file["metadata"], expected);
    }

    let mut large = ask(&photo());
    large["size"] = json!(5);
    let begun = world.post("alice", "/multipart-uploads", large).await;
    let begun = begun.expect(201);
    world.put_parts("alice", &begun, b"hello", &[1]).await;
    let file = world.complete("alice", &begun).await.expect(201)["file"].clone();
    assert_eq!(file["metadata"], photo());
}

#[tokio::test]
async fn what_is_signed_cannot_be_changed() {
    let world = World::new().await;
    let presigned = world.presign("alice", ask(&json!({ "a": "1" }))).await;
    let url = presigned["presignedUrl"].as_str().unwrap();
    let (one, two) = (encoded(r#"{"a":"1"}"#), encoded(r#"{"a":"2"}"#));
    assert!(url.contains(&format!("&x-amz-meta-data={one}&")), "{url}");
    let mut other = presigned.clone();
    for changed in [
        url.replace(&one, &two),
        url.replace(&format!("&x-amz-meta-data={one}"), ""),
        format!("{url}&x-amz-meta-rule=avatar"),
    ] {
        other["presignedUrl"] = changed.into();
        let answer = failed(world.put(&other, b"hello").await).await;
        assert_eq!(answer, (403, "SignatureDoesNotMatch".to_owned()));
    }
    assert!(world.is_empty().await);
}

/// S3 allows 2 KB of user metadata. The longest name, the largest metadata and the longest rule fit
/// together.
#[tokio::test]
async fn the_largest_of_everything_is_stored() {
    let rule = "r".repeat(32);
    let rules = json!({ rule.as_str(): {} }).to_string();
    let world = World::with(&[("UPLOAD_RULES", &rules)]).await;
    let name = "写".repeat(256);
    let metadata = json!({ "k": "ü".repeat(316) });
    let body = json!({ "fileName": name, "contentType": "text/plain", "metadata": metadata, "rule": rule });
    let presigned = world.presign("alice", body).await;
    assert_eq!(world.put(&presigned, b"hello").await.status(), 200);
    let key = presigned["objectKey"].as_str().unwrap();
    let stored = world.described(key).await;
    let bytes: usize = stored
        .iter()
        .map(|(name, value)| "x-amz-meta-".len() + name.len() + value.len())
        .sum();
    assert_eq!(bytes, 1955);
    let file = world.save("alice", &presigned).await.expect(201)["file"].clone();
    assert_eq!(
        (&file["fileName"], &file["metadata"], &file["rule"]),
        (&json!(name), &metadata, &json!(rule))
    );
}

/// Presigning writes it. Any other value comes from another tool.
#[tokio::test]
async fn foreign_values_in_s3_are_no_metadata() {
    let world = World::new().await;
    for (at, (data, rule)) in [
        ("?", "avatar"),
        (encoded("[]").as_str(), "Avatar"),
        (encoded(r#"{"a":1}"#).as_str(), ""),
        (
            encoded(&format!(r#"{{"a":"{}"}}"#, "x".repeat(640))).as_str(),
            "-",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("01890a5d-ac96-774b-bcce-b302099a805{at}");
        let key = format!("alice/{id}/a.txt");
        let metadata = [("data", data), ("rule", rule)];
        world
            .put_described(&key, "text/plain", b"hello", &metadata)
            .await;
        let saved = world.save("alice", &json!({ "objectKey": key })).await;
        let file = saved.expect(201)["file"].clone();
        let well_formed = matches!(rule, "avatar" | "-");
        let rule = if well_formed {
            json!(rule)
        } else {
            Value::Null
        };
        assert_eq!((&file["metadata"], &file["rule"]), (&json!({}), &rule));
    }
}

/// Status and code of presigning with this metadata: alone, in a batch, and for a multipart upload.
async fn check(app: &App, metadata: &str, problem: Option<&str>) {
    let one = format!(r#"{{"fileName":"a","contentType":"a/b","size":1,"metadata":{metadata}}}"#);
    for (path, body, place) in [
        ("/presign-upload", one.clone(), ""),
        (
            "/presign-upload",
            format!(r#"{{"files":[{one}]}}"#),
            "files[0]",
        ),
        ("/multipart-uploads", one, ""),
    ] {
        if problem.is_none() && path != "/presign-upload" {
            // It would send a request to S3.
            continue;
        }
        let event = slipway_emulators::gateway::GatewayEvent::new("POST", path)
            .bearer(&token("alice"))
            .text(&body);
        let answer = app.send(event).await;
        match problem {
            None => drop(answer.expect(200)),
            Some(problem) => {
                let error = answer.refused(400, "invalid_request");
                assert!(error.contains(problem) && error.contains(place), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn only_small_objects_of_strings_are_metadata() {
    let world = World::new().await;
    let offline = offline(&[]);
    let long = |bytes: usize| format!(r#"{{"k":"{}"}}"#, "v".repeat(bytes - 8));
    for fine in [
        "null".to_owned(),
        "{}".to_owned(),
        long(640),
        format!(r#"{{"k": "{}"}}"#, r#"\""#.repeat(316)),
        r#"{ "k" : "\u200b\ud83d\ude00" }"#.to_owned(),
    ] {
        check(&offline, &fine, None).await;
    }
    for (wrong, problem) in [
        ("[]".to_owned(), "metadata"),
        (r#""a""#.to_owned(), "metadata"),
        (r#"{"a":1}"#.to_owned(), "a string"),
        (r#"{"a":null}"#.to_owned(), "a string"),
        (r#"{"a":{"b":"c"}}"#.to_owned(), "a string"),
        (r#"{"a b":""}"#.to_owned(), "key of metadata"),
        (r#"{"":""}"#.to_owned(), "key of metadata"),
        (format!(r#"{{"{}":""}}"#, "k".repeat(65)), "key of metadata"),
        (r#"{"a":"\n"}"#.to_owned(), "control characters"),
        (r#"{"a":"\u0000"}"#.to_owned(), "control characters"),
        (r#"{"a":"1","a":"1"}"#.to_owned(), "twice"),
        (r#"{"a":"1","\u0061":"1"}"#.to_owned(), "twice"),
        (long(641), "640 bytes"),
        (format!(r#"{{"k":"{}"}}"#, r#"\""#.repeat(317)), "640 bytes"),
    ] {
        check(&world, &wrong, Some(problem)).await;
    }
}
