//! `OWNER_CLAIM`: a team owns the files of its members. A caller without a team is refused.

use serde_json::{Value, json};
use slipway_core::env::Environment;
use slipway_core::{ObjectKey, UserId};

use crate::log::Log;
use crate::world::{Answer, App, World, basics, offline};
use slipway_emulators::gateway::GatewayEvent;
use slipway_testkit::{claims, signed_token, token};

/// A request of `sub` with these additional claims.
fn by(event: GatewayEvent, sub: &str, more: &Value) -> GatewayEvent {
    let mut claims = claims(sub);
    for (name, value) in more.as_object().unwrap() {
        claims[name] = value.clone();
    }
    event.header(
        "authorization",
        &format!("Bearer {}", signed_token(&claims)),
    )
}

/// A request of a member of a team.
fn member(sub: &str, team: &str, method: &str, target: &str) -> GatewayEvent {
    by(
        GatewayEvent::new(method, target),
        sub,
        &json!({ "org_id": team }),
    )
}

fn presign() -> GatewayEvent {
    let body = json!({ "fileName": "a.txt", "contentType": "text/plain" });
    GatewayEvent::new("POST", "/presign-upload").json(&body)
}

/// Functions behind an authorizer, with `claim` as the owner.
fn behind_an_authorizer(claim: &str) -> App {
    let mut env = basics("http://127.0.0.1:9");
    env.remove("JWT_SECRET");
    env.insert("OWNER_CLAIM".to_owned(), claim.to_owned());
    App::new(env)
}

/// The owner in a presigned key, or the error: 403 `forbidden` naming the claim, or 401.
fn owner(answer: Answer, claim: &str) -> Result<String, u16> {
    match answer.status {
        401 => {
            answer.refused(401, "unauthenticated");
            Err(401)
        }
        403 => {
            let error = answer.refused(403, "forbidden");
            assert!(error.contains(claim), "{error}");
            Err(403)
        }
        _ => {
            let answer = answer.expect(200);
            let key = ObjectKey::parse(answer["objectKey"].as_str().unwrap()).unwrap();
            Ok(key.owner().as_str().to_owned())
        }
    }
}

#[tokio::test]
async fn our_own_verification_reads_that_claim_and_no_other() {
    for claim in ["org_id", "custom:team", "https://app.example/team"] {
        let app = offline(&[("OWNER_CLAIM", claim)]);
        let longest = "t".repeat(255);
        for (value, expected) in [
            (json!("team-7"), Ok("team-7")),
            (json!("Ünï/cöde|~"), Ok("Ünï/cöde|~")),
            (json!(longest), Ok(longest.as_str())),
            (json!(""), Err(403)),
            (json!("a\0b"), Err(403)),
            (json!("t".repeat(256)), Err(403)),
            // A number is not the string of its digits. The token's issuer decides which it is.
            (json!(7), Err(403)),
            (json!(true), Err(403)),
            (json!(["team-7"]), Err(403)),
            (json!({ "id": "team-7" }), Err(403)),
            (Value::Null, Err(403)),
        ] {
            let event = by(presign(), "alice", &json!({ claim: value }));
            let found = owner(app.send(event).await, claim);
            assert_eq!(found, expected.map(str::to_owned), "{claim} {value}");
        }
        // Neither `sub` nor a claim with a similar name replaces it.
        let similar = json!({ "org": "team-7", "ORG_ID": "team-7", "team": { claim: "team-7" } });
        let event = by(presign(), "alice", &similar);
        assert_eq!(owner(app.send(event).await, claim), Err(403));
        // Errors of the token are reported first.
        let late = json!({ claim: "team-7", "exp": 1 });
        let event = by(presign(), "alice", &late);
        assert_eq!(owner(app.send(event).await, claim), Err(401));
        assert_eq!(owner(app.send(presign()).await, claim), Err(401));
        // With a key, an authorizer's claims do not count.
        let vouched = json!({ "jwt": { "claims": { claim: "team-7" } } });
        let event = presign().authorizer(vouched);
        assert_eq!(owner(app.send(event).await, claim), Err(401));
    }
}

#[tokio::test]
async fn an_http_api_vouches_for_it() {
    let app = behind_an_authorizer("org_id");
    for (authorizer, expected) in [
        (
            json!({ "jwt": { "claims": { "sub": "alice", "org_id": "team-7" } } }),
            Ok("team-7"),
        ),
        // API Gateway passes every claim as a string, so a number cannot be distinguished from one.
        (
            json!({ "jwt": { "claims": { "sub": "alice", "org_id": "7" } } }),
            Ok("7"),
        ),
        (json!({ "jwt": { "claims": { "sub": "alice" } } }), Err(403)),
        (json!({ "jwt": { "claims": { "org_id": "" } } }), Err(403)),
        // It passes null and lists as strings too. They must not become an owner that many share.
        (
            json!({ "jwt": { "claims": { "org_id": "null" } } }),
            Err(403),
        ),
        (
            json!({ "jwt": { "claims": { "org_id": "[team-7]" } } }),
            Err(403),
        ),
        (json!({ "jwt": { "claims": {} } }), Err(403)),
        (
            json!({ "lambda": { "sub": "alice", "org_id": "team-7" } }),
            Ok("team-7"),
        ),
        (
            json!({ "lambda": { "sub": "alice", "org_id": 7 } }),
            Err(403),
        ),
        (json!({ "lambda": { "org_id": ["team-7"] } }), Err(403)),
        (
            json!({ "lambda": { "principalId": "alice", "claims": { "org_id": "team-7" } } }),
            Err(403),
        ),
        (json!({ "lambda": {} }), Err(403)),
        (json!({ "lambda": null }), Err(401)),
        (json!({ "iam": { "org_id": "team-7" } }), Err(401)),
        (json!({ "org_id": "team-7" }), Err(401)),
        (Value::Null, Err(401)),
    ] {
        let event = presign().authorizer(authorizer.clone());
        let found = owner(app.send(event).await, "org_id");
        assert_eq!(found, expected.map(str::to_owned), "{authorizer}");
        // Without a key, a token does not count.
        let event = by(presign(), "alice", &json!({ "org_id": "forged" }));
        let event = event.authorizer(authorizer.clone());
        let found = owner(app.send(event).await, "org_id");
        assert_eq!(found, expected.map(str::to_owned), "{authorizer}");
    }
}

#[tokio::test]
async fn a_rest_api_vouches_for_it() {
    for (claim, authorizer, expected) in [
        (
            "org_id",
            json!({ "claims": { "sub": "alice", "org_id": "team-7" } }),
            Ok("team-7"),
        ),
        ("org_id", json!({ "claims": { "sub": "alice" } }), Err(403)),
        (
            "org_id",
            json!({ "claims": { "sub": "alice" }, "principalId": "alice" }),
            Err(403),
        ),
        // A principal is a person. It only counts if persons own files.
        ("org_id", json!({ "principalId": "team-7" }), Err(403)),
        (
            "org_id",
            json!({ "principalId": "alice", "org_id": "team-7" }),
            Err(403),
        ),
        ("principalId", json!({ "principalId": "alice" }), Err(403)),
        ("sub", json!({ "principalId": "alice" }), Ok("alice")),
        ("org_id", json!({ "integrationLatency": 1 }), Err(401)),
        ("org_id", Value::Null, Err(401)),
    ] {
        let app = behind_an_authorizer(claim);
        let event = GatewayEvent(json!({
            "resource": "/presign-upload", "path": "/presign-upload", "httpMethod": "POST",
            "headers": {}, "multiValueHeaders": {},
            "queryStringParameters": null, "multiValueQueryStringParameters": null,
            "requestContext": {
                "authorizer": authorizer, "resourcePath": "/presign-upload", "httpMethod": "POST",
                "path": "/prod/presign-upload", "stage": "prod", "identity": {}, "apiId": "a1b2c3d4e5",
            },
            "body": "{\"fileName\": \"a.txt\", \"contentType\": \"text/plain\"}",
            "isBase64Encoded": false,
        }));
        let found = owner(app.send(event).await, claim);
        assert_eq!(found, expected.map(str::to_owned), "{claim} {authorizer}");
    }
}

/// Every operation refuses a person without a team in the same way, before it reads the request.
#[tokio::test]
async fn without_the_claim_every_operation_is_forbidden() {
    let app = offline(&[
        ("OWNER_CLAIM", "org_id"),
        ("DATABASE_URL", "postgres://nobody@127.0.0.1:9/none"),
    ]);
    for route in crate::world::router() {
        let target = route
            .path
            .replace("{id}", "01890a5d-ac96-774b-bcce-b302099a8057");
        let event = GatewayEvent::new(route.method, &target)
            .bearer(&token("alice"))
            .text("not JSON");
        let error = app.send(event).await.refused(403, "forbidden");
        assert_eq!(
            error, "The token has no org_id claim, which is required here.",
            "{target}"
        );
    }
}

#[tokio::test]
async fn a_team_shares_files_quota_and_usage_and_another_sees_none_of_it() {
    let world = World::with(&[("OWNER_CLAIM", "org_id"), ("USER_QUOTA_BYTES", "10")]).await;
    let ask = json!({ "fileName": "a.txt", "contentType": "text/plain", "size": 5 });
    let presigned = member("alice", "team-7", "POST", "/presign-upload").json(&ask);
    let presigned = world.send(presigned).await.expect(200);
    assert_eq!(world.put(&presigned, b"hello").await.status(), 200);
    let key = presigned["objectKey"].as_str().unwrap();
    assert!(key.starts_with("team-7/"), "{key}");
    let body = json!({ "objectKey": key });
    let save = |sub: &str, team: &str| member(sub, team, "POST", "/save-metadata").json(&body);
    // A person with the team's name is not the team. Neither is the person who uploaded.
    for (sub, team) in [
        ("team-7", "team-8"),
        ("alice", "team-8"),
        ("alice", "alice"),
    ] {
        world.send(save(sub, team)).await.refused(403, "forbidden");
    }
    world.send(save("bob", "team-7")).await.expect(201);

    let id = presigned["id"].as_str().unwrap();
    let file = format!("/files/{id}");
    let (list, usage) = ("/files", "/usage");
    for sub in ["alice", "bob", "carol"] {
        let get = async |target: &str| world.send(member(sub, "team-7", "GET", target)).await;
        let found = get(list).await.expect(200);
        assert_eq!(found["files"][0]["id"], id, "{sub}");
        get(&file).await.expect(200);
        let used = get(usage).await.expect(200);
        assert_eq!((&used["files"], &used["bytes"]), (&json!(1), &json!(5)));
        // The quota belongs to the team as well.
        let ask = json!({ "fileName": "b.txt", "contentType": "text/plain", "size": 6 });
        let event = member(sub, "team-7", "POST", "/presign-upload").json(&ask);
        world.send(event).await.refused(413, "quota_exceeded");

        let other = async |method: &str, target: &str| {
            world.send(member(sub, "team-8", method, target)).await
        };
        assert_eq!(other("GET", list).await.expect(200)["files"], json!([]));
        assert_eq!(other("GET", usage).await.expect(200)["files"], 0);
        other("GET", &file).await.refused(404, "not_found");
        other("DELETE", &file).await.refused(404, "not_found");
    }
    // The row belongs to the team, and so does row-level security.
    let row = world.row(id).await.unwrap();
    assert_eq!(row["user_id"], "team-7");

    // The same for multipart uploads.
    let ask = json!({ "fileName": "c.bin", "contentType": "a/b", "size": 1 });
    let begun = member("alice", "team-7", "POST", "/multipart-uploads").json(&ask);
    let begun = world.send(begun).await.expect(201);
    let upload = format!("/multipart-uploads/{}", begun["id"].as_str().unwrap());
    let about =
        async |team: &str, method: &str| world.send(member("bob", team, method, &upload)).await;
    about("team-8", "GET").await.refused(404, "not_found");
    about("team-8", "DELETE").await.refused(404, "not_found");
    about("team-7", "GET").await.expect(200);
    about("team-7", "DELETE").await.expect(200);
    let deleted = member("carol", "team-7", "DELETE", &file);
    world.send(deleted).await.expect(200);
    assert!(world.is_empty().await);
}

#[tokio::test]
async fn logs_have_the_hash_of_the_owner() {
    let app = offline(&[("OWNER_CLAIM", "org_id")]);
    let log = Log::default();
    let listening = log.capture();
    let event = by(
        presign(),
        "alice-the-person",
        &json!({ "org_id": "team-of-the-log" }),
    );
    app.send(event).await.expect(200);
    let event = by(presign(), "alice-the-person", &json!({}));
    app.send(event).await.refused(403, "forbidden");
    drop(listening);
    let lines = log.take();
    let owner = UserId::parse("team-of-the-log").unwrap().fingerprint();
    let owners: Vec<_> = lines.iter().map(|line| line.get("owner")).collect();
    assert_eq!(owners, [Some(&json!(owner)), None], "{lines:#?}");
    let text = json!(lines).to_string();
    assert!(
        !text.contains("alice-the-person") && !text.contains("team-of-the-log"),
        "{text}"
    );
}

#[test]
fn a_name_that_cannot_be_one_fails_at_init() {
    let long = "x".repeat(129);
    for bad in ["a\nb", long.as_str()] {
        let mut env = basics("http://127.0.0.1:9");
        env.insert("OWNER_CLAIM".to_owned(), bad.to_owned());
        let env: Environment = env.into_iter().collect();
        let error = slipway_api::Identity::from_env(&env).unwrap_err();
        assert!(error.to_string().contains("OWNER_CLAIM"), "{error}");
    }
}
