//! Authentication: by a configured key or by an authorizer, and never by both.

use serde_json::{Value, json};
use slipway_api::Identity;
use slipway_emulators::gateway::GatewayEvent;
use slipway_testkit::{JWT_AUDIENCE, claims, signed_token, token};

use crate::world::{App, Variables, World, amended, basics, offline, router};

/// A connection string for tests in which no request may reach the database.
const NO_DATABASE: &str = "postgres://nobody@127.0.0.1:9/none";

fn presign() -> GatewayEvent {
    let body = json!({ "fileName": "a.txt", "contentType": "text/plain" });
    GatewayEvent::new("POST", "/presign-upload").json(&body)
}

/// The same request as a REST API sends it.
fn presign_rest(authorizer: &Value, headers: &Value) -> GatewayEvent {
    GatewayEvent(json!({
        "resource": "/presign-upload", "path": "/presign-upload", "httpMethod": "POST",
        "headers": headers, "multiValueHeaders": {},
        "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "requestContext": {
            "authorizer": authorizer, "resourcePath": "/presign-upload", "httpMethod": "POST",
            "path": "/prod/presign-upload", "stage": "prod", "identity": {}, "apiId": "a1b2c3d4e5",
        },
        "body": "{\"fileName\": \"a.txt\", \"contentType\": \"text/plain\"}",
        "isBase64Encoded": false,
    }))
}

/// The user as which `event`, a presign request, is authenticated. `None` if it is not (401), or if
/// its valid token names no user (403).
async fn caller(app: &App, event: GatewayEvent) -> Option<String> {
    let shown = format!("{:?}", event.0);
    let answer = app.send(event).await;
    if answer.status == 401 {
        answer.refused(401, "unauthenticated");
        return None;
    }
    if answer.status == 403 {
        let error = answer.refused(403, "forbidden");
        assert!(error.contains("sub"), "{error}");
        return None;
    }
    let key = answer.expect(200)["objectKey"].as_str().unwrap().to_owned();
    Some(key.split('/').next().expect(&shown).to_owned())
}

/// Functions without a key, and functions with one.
fn both() -> [Box<App>; 2] {
    let mut env = basics("http://127.0.0.1:9");
    env.remove("JWT_SECRET");
    [Box::new(App::new(env)), Box::new(offline(&[]))]
}

#[tokio::test]
async fn an_http_api() {
    let [without_key, with_key] = both();
    let check = async |authorizer: Value, expected: Option<&str>| {
        for bearer in [None, Some("carol"), Some("header.payload.signature")] {
            let event = || {
                let event = match bearer {
                    Some("carol") => presign().bearer(&token("carol")),
                    Some(other) => presign().bearer(other),
                    None => presign(),
                };
                event.authorizer(authorizer.clone())
            };
            // Without a key, only the authorizer's claims count.
            let found = caller(&without_key, event()).await;
            assert_eq!(found.as_deref(), expected, "{authorizer} {bearer:?}");
            // With a key, only the token counts.
            let found = caller(&with_key, event()).await;
            let expected = bearer.filter(|bearer| *bearer == "carol");
            assert_eq!(found.as_deref(), expected, "{authorizer} {bearer:?}");
        }
    };
    let jwt = json!({ "claims": { "sub": "alice", "iss": "x" }, "scopes": null });
    check(json!({ "jwt": jwt }), Some("alice")).await;
    check(
        json!({ "jwt": jwt, "lambda": { "sub": "bob" } }),
        Some("alice"),
    )
    .await;
    check(
        json!({ "lambda": { "sub": "bob", "tenant": "x" } }),
        Some("bob"),
    )
    .await;
    check(
        json!({ "lambda": { "user": "bob", "principalId": "bob" } }),
        None,
    )
    .await;
    check(json!({ "lambda": { "claims": { "sub": "bob" } } }), None).await;
    check(json!({ "lambda": null }), None).await;
    check(json!({ "lambda": {} }), None).await;
    check(
        json!({ "jwt": { "claims": { "username": "alice" }, "scopes": [] } }),
        None,
    )
    .await;
    check(
        json!({ "iam": { "userId": "AIDA", "accountId": "1" } }),
        None,
    )
    .await;
    check(json!({}), None).await;
    check(Value::Null, None).await;
}

#[tokio::test]
async fn a_rest_api() {
    let [without_key, with_key] = both();
    let check = async |authorizer: Value, expected: Option<&str>| {
        for bearer in [None, Some("carol")] {
            let headers = match bearer {
                Some(user) => json!({ "Authorization": format!("Bearer {}", token(user)) }),
                None => json!({}),
            };
            let found = caller(&without_key, presign_rest(&authorizer, &headers)).await;
            assert_eq!(found.as_deref(), expected, "{authorizer} {bearer:?}");
            let found = caller(&with_key, presign_rest(&authorizer, &headers)).await;
            assert_eq!(found.as_deref(), bearer, "{authorizer} {bearer:?}");
        }
    };
    check(json!({ "claims": { "sub": "alice" } }), Some("alice")).await;
    check(
        json!({ "claims": { "sub": "alice" }, "principalId": "bob" }),
        Some("alice"),
    )
    .await;
    check(
        json!({ "principalId": "bob", "integrationLatency": 1 }),
        Some("bob"),
    )
    .await;
    check(
        json!({ "principalId": "bob", "sub": "dave", "claims": "x" }),
        Some("bob"),
    )
    .await;
    check(json!({ "claims": { "cognito:username": "alice" } }), None).await;
    check(json!({ "integrationLatency": 1 }), None).await;
    check(Value::Null, None).await;
}

#[tokio::test]
async fn an_authorizer_with_an_invalid_user_authenticates_no_one() {
    let [without_key, _] = both();
    for sub in ["", "a\0b", &"a".repeat(256)] {
        let event = presign()
            .bearer(&token("carol"))
            .authorizer(json!({ "lambda": { "sub": sub } }));
        assert_eq!(caller(&without_key, event).await, None, "{sub:?}");
    }
}

#[tokio::test]
async fn a_token() {
    let app = offline(&[]);
    let good = claims("alice");
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        signed_token(&claims)
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        signed_token(&claims)
    };
    let now = good["iat"].as_i64().unwrap();
    let bearer = |token: &str| presign().bearer(token);
    let fine = signed_token(&good);
    assert_eq!(caller(&app, bearer(&fine)).await.as_deref(), Some("alice"));
    let (head, tail) = fine.split_once('.').unwrap();
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", tail.split('.').next().unwrap());
    for bad in [
        String::new(),
        "x".to_owned(),
        "a.b.c".to_owned(),
        unsigned,
        fine[..fine.len() - 2].to_owned(),
        format!("{head}.{head}.{}", tail.split('.').nth(1).unwrap()),
        "x".repeat(100_000),
        with("exp", json!(now - 1)),
        with("exp", json!("tomorrow")),
        with("nbf", json!(now + 3600)),
        with("iat", json!(now + 3600)),
        with("nbf", json!("now")),
        with("iss", json!("https://other.test")),
        with("aud", json!("another")),
        with("aud", json!(["another", "third"])),
        with("sub", json!("")),
        with("sub", json!(5)),
        with("sub", json!(null)),
        with("sub", json!(["alice"])),
        with("sub", json!("a".repeat(256))),
        with("sub", json!("a\0b")),
        without("sub"),
        without("exp"),
        without("iss"),
        without("aud"),
    ] {
        assert_eq!(caller(&app, bearer(&bad)).await, None, "{bad}");
    }
    for early in ["nbf", "iat"] {
        let token = with(early, json!(now + 60));
        assert_eq!(caller(&app, bearer(&token)).await.as_deref(), Some("alice"));
    }
    let several = with("aud", json!(["another", JWT_AUDIENCE]));
    assert_eq!(
        caller(&app, bearer(&several)).await.as_deref(),
        Some("alice")
    );
    for (header, expected) in [
        (format!("bearer {fine}"), Some("alice")),
        (format!("BEARER  {fine} "), Some("alice")),
        (format!("Basic {fine}"), None),
        (format!("Token {fine}"), None),
        (format!("Bearer{fine}"), None),
        (format!("Bearer {fine}, Bearer {fine}"), None),
        (fine.clone(), None),
        ("Bearer".to_owned(), None),
    ] {
        let event = presign().header("authorization", &header);
        assert_eq!(caller(&app, event).await.as_deref(), expected, "{header}");
    }
    // A token in other places is ignored.
    let elsewhere = presign()
        .header("x-user-id", "alice")
        .header("cookie", &format!("token={fine}"));
    assert_eq!(caller(&app, elsewhere).await, None);
}

/// As for any other `OWNER_CLAIM`: the token is valid, and only its owner is missing.
#[tokio::test]
async fn without_a_subject_a_valid_token_is_forbidden() {
    let [without_key, with_key] = both();
    let mut bad = vec![None];
    bad.extend(
        [
            json!(""),
            json!(5),
            json!(null),
            json!(["alice"]),
            json!("a\0b"),
        ]
        .map(Some),
    );
    for sub in bad {
        let mut of_token = claims("alice");
        of_token.as_object_mut().unwrap().remove("sub");
        let mut of_authorizer = json!({});
        if let Some(sub) = sub {
            of_token["sub"] = sub.clone();
            of_authorizer["sub"] = sub;
        }
        let event = presign().bearer(&signed_token(&of_token));
        let error = with_key.send(event).await.refused(403, "forbidden");
        assert!(error.contains("sub"), "{error}");
        for authorizer in [
            json!({ "jwt": { "claims": of_authorizer } }),
            json!({ "lambda": of_authorizer }),
        ] {
            let event = presign().authorizer(authorizer);
            let error = without_key.send(event).await.refused(403, "forbidden");
            assert!(error.contains("sub"), "{error}");
        }
        let event = presign_rest(&json!({ "claims": of_authorizer }), &json!({}));
        without_key.send(event).await.refused(403, "forbidden");
        // What is wrong with the token itself comes first.
        of_token["exp"] = json!(1);
        let event = presign().bearer(&signed_token(&of_token));
        with_key.send(event).await.refused(401, "unauthenticated");
    }
}

#[tokio::test]
async fn an_unauthenticated_caller_learns_nothing_else() {
    let app = offline(&[("DATABASE_URL", NO_DATABASE)]);
    for function in ["presign", "save-metadata", "files", "rename", "delete"] {
        for (method, path, body) in [
            ("GET", "/", ""),
            ("GET", "/nothing/here", ""),
            ("POST", "/presign-upload", "not JSON"),
            ("POST", "/save-metadata", ""),
            ("GET", "/files?limit=0", ""),
            ("PATCH", "/files/x", "{}"),
            ("DELETE", "/files/x", ""),
            ("POST", "/files/delete", "{}"),
            ("OPTIONS", "/files", ""),
        ] {
            let event = GatewayEvent::new(method, path).text(body);
            let answer = app.send_stray(function, event).await;
            answer.refused(401, "unauthenticated");
        }
    }
    let answer = app.send(presign()).await;
    insta::assert_json_snapshot!(answer.json, @r#"
    {
      "code": "unauthenticated",
      "error": "Send the header Authorization: Bearer <token>.",
      "success": false
    }
    "#);
}

#[tokio::test]
async fn a_path_that_no_function_serves() {
    let world = World::new().await;
    for function in ["presign", "save-metadata", "files", "rename", "delete"] {
        for (method, path) in [
            ("GET", "/"),
            ("GET", "/nothing"),
            ("GET", "/presign-upload"),
            ("PUT", "/presign-upload"),
            ("GET", "/save-metadata"),
            ("POST", "/files"),
            ("PUT", "/files/01890a5d-ac96-774b-bcce-b302099a8057"),
            ("GET", "/files/a/b"),
            ("GET", "/Files"),
            ("POST", "/usage"),
            ("GET", "/usage/x"),
            ("POST", "/presign-upload/x"),
        ] {
            let event = GatewayEvent::new(method, path)
                .bearer(&token("alice"))
                .text("not JSON");
            let answer = world.send_stray(function, event).await;
            let error = answer.refused(404, "not_found");
            assert_eq!(
                error, "There is nothing at this path and method.",
                "{method} {path}"
            );
        }
    }
    // A function does not serve the routes of another.
    for route in router() {
        for function in ["presign", "save-metadata", "files", "rename", "delete"] {
            if function != route.function && route.path != "/files/{id}" {
                let event = GatewayEvent::new(route.method, route.path)
                    .bearer(&token("alice"))
                    .text("{}");
                world
                    .send_stray(function, event)
                    .await
                    .refused(404, "not_found");
            }
        }
    }
}

#[test]
fn an_ambiguous_configuration_is_refused() {
    let check = |env: &Variables| {
        Identity::from_env(&env.clone().into_iter().collect())
            .map(drop)
            .map_err(|error| error.to_string())
    };
    let good = basics("http://127.0.0.1:9");
    check(&good).unwrap();
    for (name, value) in [
        ("JWT_PUBLIC_KEY", "-----BEGIN PUBLIC KEY-----"),
        ("JWT_SECRET", "31 bytes are one less than that"),
        ("JWT_ISSUER", ""),
        ("JWT_AUDIENCE", ""),
    ] {
        check(&amended(good.clone(), &[(name, value)])).unwrap_err();
    }
}
