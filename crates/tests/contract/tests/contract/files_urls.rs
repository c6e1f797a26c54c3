//! Read URLs: their response headers, their rights and their lifetime.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::world::{App, World, keys_of, without_url};

fn header<'a>(response: &'a reqwest::Response, name: &str) -> Option<&'a str> {
    response
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap())
}

/// The file as `GET /files/{id}` returns it.
async fn file(app: &App, id: &Value, query: &str) -> Value {
    let target = format!("/files/{}{query}", id.as_str().unwrap());
    app.get("alice", &target).await.expect(200)["file"].clone()
}

#[tokio::test]
async fn types_that_a_browser_would_run_are_attachments() {
    let world = World::new().await;
    let inert = [
        "image/png",
        "IMAGE/JPEG",
        "image/webp",
        "audio/mpeg",
        "video/mp4",
        "application/pdf",
        "text/plain",
        "text/plain; charset=utf-8",
    ];
    let active = [
        "text/html",
        "Text/HTML; charset=utf-8",
        "image/svg+xml",
        "application/xhtml+xml",
        "text/xml",
        "application/xml",
        "application/javascript",
        "text/css",
        "video/x+xml",
        "application/octet-stream",
        "unknown/unknown",
        "text/plainx",
    ];
    let kinds = inert
        .iter()
        .map(|kind| (kind, false))
        .chain(active.iter().map(|kind| (kind, true)));
    for (kind, attached) in kinds {
        let saved = world.upload("alice", "a.bin", kind, b"hello").await;
        let listed = world.list("alice").await[0].clone();
        for shown in [&saved, &listed, &file(&world, &saved["id"], "").await] {
            let response = world.read(&shown["url"]).await;
            assert_eq!(response.status(), 200);
            assert_eq!(header(&response, "content-type"), Some(*kind));
            let disposition = header(&response, "content-disposition");
            let expected = if attached {
                "attachment; filename=\"a.bin\"; filename*=UTF-8''a.bin"
            } else {
                "inline"
            };
            assert_eq!(disposition, Some(expected), "{kind}");
            assert_eq!(response.bytes().await.unwrap(), "hello");
        }
    }
}

#[tokio::test]
async fn a_download_has_the_exact_name() {
    let world = World::new().await;
    for name in [
        "Übergröße 写真 (1)+%20'.jpg",
        "a\"; filename=\"b.html",
        "../../etc/passwd",
        "\u{202e}gpj.exe",
        "%0d%0aX-Evil: 1",
        "👩‍👩‍👧",
    ] {
        let saved = world.upload("alice", name, "image/jpeg", b"hello").await;
        let plain = world.read(&saved["url"]).await;
        assert_eq!(header(&plain, "content-disposition"), Some("inline"));
        for query in ["", "?download=false"] {
            let shown = file(&world, &saved["id"], query).await;
            assert_eq!(without_url(&shown), without_url(&saved));
            let response = world.read(&shown["url"]).await;
            assert_eq!(header(&response, "content-disposition"), Some("inline"));
        }
        let shown = file(&world, &saved["id"], "?download=true").await;
        let response = world.read(&shown["url"]).await;
        let disposition = header(&response, "content-disposition").unwrap();
        assert!(
            disposition.starts_with("attachment; filename=\""),
            "{disposition}"
        );
        let (_, encoded) = disposition.split_once("; filename*=UTF-8''").unwrap();
        let decoded = percent_decode_str(encoded).decode_utf8().unwrap();
        assert_eq!(decoded, name);
        assert_eq!(response.bytes().await.unwrap(), "hello");
    }
}

/// With a signing key of its own: without one, each function signs by its role.
#[tokio::test]
async fn a_file_has_one_url_within_the_window() {
    // It has to be able to read, and nothing else.
    let keys = keys_of("files");
    let world = World::with(&[
        ("READ_URL_SECONDS", "43200"),
        ("SIGNING_ACCESS_KEY_ID", &keys.access_key),
        ("SIGNING_SECRET_ACCESS_KEY", &keys.secret_key),
    ])
    .await;
    let saved = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let before = file(&world, &saved["id"], "").await;
    // Long enough for every clock with a resolution of one second to advance.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let shown = [
        saved.clone(),
        world.list("alice").await[0].clone(),
        file(&world.app(&[]), &saved["id"], "").await,
        file(&world, &saved["id"], "").await,
    ];
    // A window may end in between, but not twice within a minute.
    let again = file(&world, &saved["id"], "").await;
    assert!(
        shown
            .iter()
            .filter(|shown| shown["url"] == again["url"])
            .count()
            >= 2
    );
    let same = before["url"] == again["url"];
    assert!(same || before["urlExpiresAt"] != again["urlExpiresAt"]);
    if same {
        assert!(shown.iter().all(|shown| shown == &again));
    }
    let response = world.read(&again["url"]).await;
    assert_eq!(
        header(&response, "cache-control"),
        Some("private, max-age=21600")
    );
}

#[tokio::test]
async fn url_expires_at_is_the_expiry_and_at_least_half_the_lifetime_is_left() {
    let world = World::with(&[("READ_URL_SECONDS", "4")]).await;
    let saved = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let shown = file(&world, &saved["id"], "").await;
    let now = OffsetDateTime::now_utc();
    let ends = OffsetDateTime::parse(shown["urlExpiresAt"].as_str().unwrap(), &Rfc3339).unwrap();
    let left = ends - now;
    assert!(
        left <= time::Duration::seconds(4) && left > time::Duration::milliseconds(1500),
        "{left}"
    );
    assert_eq!(world.read(&shown["url"]).await.status(), 200);
    let until =
        (ends - OffsetDateTime::now_utc()).unsigned_abs() + std::time::Duration::from_millis(1100);
    tokio::time::sleep(until).await;
    assert_eq!(world.read(&shown["url"]).await.status(), 403);
    let fresh = file(&world, &saved["id"], "").await;
    assert_eq!(world.read(&fresh["url"]).await.status(), 200);
}

#[tokio::test]
async fn a_link_expires_when_its_caller_chose() {
    let world = World::with(&[("READ_URL_SECONDS", "600")]).await;
    let saved = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let before = OffsetDateTime::now_utc();
    let shown = file(&world, &saved["id"], "?urlSeconds=120&download=true").await;
    let after = OffsetDateTime::now_utc();
    let ends = OffsetDateTime::parse(shown["urlExpiresAt"].as_str().unwrap(), &Rfc3339).unwrap();
    let start = ends - time::Duration::seconds(120);
    // The time of a signature has a resolution of one second.
    assert!(before - start < time::Duration::seconds(1), "{start}");
    assert!(start <= after, "{start}");
    let url = shown["url"].as_str().unwrap();
    assert!(url.contains("X-Amz-Expires=120&"), "{url}");
    let response = world.read(&shown["url"]).await;
    assert_eq!(response.status(), 200);
    let headers = ["cache-control", "content-disposition"].map(|name| header(&response, name));
    assert_eq!(headers[0], Some("private, max-age=120"));
    assert!(headers[1].unwrap().starts_with("attachment"));

    let short = file(&world, &saved["id"], "?urlSeconds=1").await;
    let ends = OffsetDateTime::parse(short["urlExpiresAt"].as_str().unwrap(), &Rfc3339).unwrap();
    let left = (ends - OffsetDateTime::now_utc()).max(time::Duration::ZERO);
    tokio::time::sleep(left.unsigned_abs() + std::time::Duration::from_millis(1100)).await;
    assert_eq!(world.read(&short["url"]).await.status(), 403);

    let longest = file(&world, &saved["id"], "?urlSeconds=600").await;
    assert_eq!(world.read(&longest["url"]).await.status(), 200);
    let id = saved["id"].as_str().unwrap();
    for value in [
        "0",
        "601",
        "-1",
        "+60",
        "1.5",
        "",
        "x",
        "99999999999999999999",
    ] {
        let answer = world
            .get("alice", &format!("/files/{id}?urlSeconds={value}"))
            .await;
        let error = answer.expect(400);
        let sentence = "urlSeconds must be a whole number from 1 to 600.";
        assert_eq!(error["error"], sentence, "{value}");
    }
    let foreign = format!("/files/{id}?urlSeconds=60");
    world.get("bob", &foreign).await.expect(404);
}

#[tokio::test]
async fn a_url_can_only_read_its_object() {
    let world = World::new().await;
    let saved = world.upload("alice", "a.txt", "text/plain", b"hello").await;
    let other = world.upload("bob", "a.txt", "text/plain", b"secret").await;
    let url = saved["url"].as_str().unwrap();
    let swapped = url
        .replace(saved["id"].as_str().unwrap(), other["id"].as_str().unwrap())
        .replacen("/alice/", "/bob/", 1);
    for url in [
        swapped,
        format!("{url}&response-content-type=text/html"),
        url.replace("max-age%3D450", "max-age%3D4500"),
        url.replace("X-Amz-Expires=900", "X-Amz-Expires=9000"),
        url.split('?').next().unwrap().to_owned(),
    ] {
        assert_eq!(world.read(&json!(url)).await.status(), 403, "{url}");
    }
    for method in [reqwest::Method::PUT, reqwest::Method::DELETE] {
        let request = world
            .http
            .request(method, url)
            .header("content-length", "0");
        assert_eq!(request.send().await.unwrap().status(), 403);
    }
    assert_eq!(
        world.read(&saved["url"]).await.bytes().await.unwrap(),
        "hello"
    );
}

#[tokio::test]
async fn public_files_have_plain_urls() {
    let world = World::new().await;
    let saved = world
        .upload("auth0|alice", "a b.html", "text/html", b"hello")
        .await;
    let public = world.app(&[("PUBLIC_BASE_URL", "https://cdn.test/")]);
    let id = saved["id"].as_str().unwrap();
    let url = format!("https://cdn.test/auth0~7Calice/{id}/a-b.html");
    let user = "auth0|alice";
    let one = |query: &str| format!("/files/{id}{query}");
    let shown = [
        public.save(user, &saved).await.expect(200)["file"].clone(),
        public.list(user).await[0].clone(),
        public.get(user, &one("")).await.expect(200)["file"].clone(),
        public.get(user, &one("?download=true")).await.expect(200)["file"].clone(),
        public.get(user, &one("?urlSeconds=60")).await.expect(200)["file"].clone(),
    ];
    for file in shown {
        assert_eq!(
            (&file["url"], &file["urlExpiresAt"]),
            (&json!(url), &Value::Null)
        );
    }
}

#[tokio::test]
async fn a_separate_signing_key_signs_only_read_urls() {
    let world = World::new().await;
    let app = world.app(&[
        ("SIGNING_ACCESS_KEY_ID", "AKIAREADER"),
        ("SIGNING_SECRET_ACCESS_KEY", "another secret"),
    ]);
    let saved = app.upload("alice", "a.txt", "text/plain", b"hello").await;
    let url = saved["url"].as_str().unwrap();
    assert!(url.contains("X-Amz-Credential=AKIAREADER%2F"), "{url}");
}
