//! `POST /presign-upload`: which requests it refuses, and which it accepts.

use serde_json::{Value, json};
use slipway_emulators::gateway::GatewayEvent;
use slipway_testkit::token;

use crate::world::{App, offline};

const INVALID: (u16, &str) = (400, "invalid_request");
const FINE: (u16, &str) = (200, "");

/// Checks status and code for this body, sent exactly as it is.
async fn check(app: &App, body: &str, expected: (u16, &str)) {
    let event = GatewayEvent::new("POST", "/presign-upload")
        .bearer(&token("alice"))
        .text(body);
    let answer = app.send(event).await;
    let shown: String = body.chars().take(200).collect();
    assert_eq!(
        (answer.status, answer.code()),
        expected,
        "{shown} {answer:?}"
    );
}

/// The same for a valid request with one field changed.
async fn check_field(app: &App, name: &str, value: Value, expected: (u16, &str)) {
    let mut body = json!({ "fileName": "a", "contentType": "a/b" });
    body[name] = value;
    check(app, &body.to_string(), expected).await;
}

#[tokio::test]
async fn malformed_bodies_are_refused() {
    let app = offline(&[]);
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let fine = r#""fileName": "a", "contentType": "a/b""#;
    for body in [
        "",
        " \n\t",
        "null",
        "true",
        "5",
        "[]",
        r#""fileName""#,
        r#"["a", "a/b", null, null, null]"#,
        r#"[{"fileName": "a", "contentType": "a/b"}]"#,
        "{}",
        "{",
        "fileName=a&contentType=a/b",
        r#"{"fileName": "a"}"#,
        r#"{"contentType": "a/b"}"#,
        r#"{"filename": "a", "contenttype": "a/b"}"#,
        &format!("{{{fine}"),
        &format!("{{{fine}}} x"),
        &format!("{{{fine}}}{{{fine}}}"),
        &format!("{{{fine}, \"fileName\": \"b\"}}"),
        &format!("\u{feff}{{{fine}}}"),
        &format!("{{{fine}}}\0"),
        &deep(100_000),
        &format!(
            "{{\"fileName\": {}, \"contentType\": \"a/b\"}}",
            deep(100_000)
        ),
        r#"{"files": null}"#,
        r#"{"files": {}}"#,
        r#"{"files": "a"}"#,
        r#"{"files": []}"#,
        r#"{"files": [[]]}"#,
    ] {
        check(&app, body, INVALID).await;
    }
    for body in [
        format!("{{{fine}}}"),
        format!("\n {{{fine}}} \r\n"),
        format!("{{{fine}, \"unknown\": {{\"a\": [1, {{}}]}}, \"fileNames\": 5}}"),
        format!("{{{fine}, \"unknown\": {}}}", deep(10_000)),
        format!("{{{fine}, \"files\": null, \"size\": null, \"checksumSha256\": null}}"),
        format!("{{{fine}, \"padding\": \"{}\"}}", "x".repeat(1_000_000)),
    ] {
        check(&app, &body, FINE).await;
    }
}

#[tokio::test]
async fn a_body_in_base64_is_decoded() {
    let app = offline(&[]);
    let check = async |body: &[u8], expected: (u16, &str)| {
        let event = GatewayEvent::new("POST", "/presign-upload")
            .bearer(&token("alice"))
            .bytes(body);
        let answer = app.send(event).await;
        assert_eq!((answer.status, answer.code()), expected, "{answer:?}");
    };
    check(
        r#"{"fileName": "ü", "contentType": "a/b"}"#.as_bytes(),
        FINE,
    )
    .await;
    check(b"", INVALID).await;
    check(b"\xff\xfe{}", INVALID).await;
    check(
        b"{\"fileName\": \"\xff\", \"contentType\": \"a/b\"}",
        INVALID,
    )
    .await;
    check(b"\x1f\x8b\x08\0\0\0\0\0\0\x03", INVALID).await;
}

#[tokio::test]
async fn file_names() {
    let app = offline(&[]);
    let invalid = [
        json!(null),
        json!(5),
        json!(true),
        json!([]),
        json!({}),
        json!(["a"]),
        json!(""),
        json!("a".repeat(769)),
        json!("é".repeat(384) + "a"),
        json!("写".repeat(257)),
        json!("a\0b"),
        json!("a\nb"),
        json!("a\r\nX-Evil: 1"),
        json!("a\tb"),
        json!("\u{7f}"),
        json!("\u{85}"),
        json!("\u{9f}"),
        json!("\u{1b}[31m"),
    ];
    for name in invalid {
        check_field(&app, "fileName", name, INVALID).await;
    }
    for escape in [
        r"\ud800",
        r"\udc00",
        r"a\udfffb",
        r"\ud800\ud800",
        r"\u12",
        r"\x41",
    ] {
        let body = format!(r#"{{"fileName": "{escape}", "contentType": "a/b"}}"#);
        check(&app, &body, INVALID).await;
    }
    let fine = [
        json!("a".repeat(768)),
        json!("é".repeat(384)),
        json!("写".repeat(256)),
        json!("写真/".repeat(109)),
        json!(" "),
        json!("."),
        json!("../../etc/passwd"),
        json!("\u{202e}gpj.exe"),
        json!("\u{2028}\u{feff}"),
        json!("\u{10ffff}"),
    ];
    for name in fine {
        check_field(&app, "fileName", name, FINE).await;
    }
    let pair = r#"{"fileName": "\ud83d\ude00.png", "contentType": "image/png"}"#;
    check(&app, pair, FINE).await;
}

#[tokio::test]
async fn content_types() {
    let app = offline(&[]);
    let invalid = [
        json!(null),
        json!(5),
        json!(["a/b"]),
        json!(""),
        json!("text"),
        json!("text/"),
        json!("/plain"),
        json!("*/*"),
        json!("image/*"),
        json!("text/plain\r\nX-Evil: 1"),
        json!("text/plain\nX-Evil: 1"),
        json!("text/plain; charset=utf-8\r\n\r\n<script>"),
        json!("text/plain\0"),
        json!("text/plän"),
        json!(" text/plain"),
        json!("text /plain"),
        json!("text/plain, text/html"),
        json!("text/plain\t"),
        json!("text/plain;\u{7f}"),
        json!("text/plain; charset=ü"),
        json!(format!("a/{}", "b".repeat(254))),
    ];
    for kind in invalid {
        check_field(&app, "contentType", kind, INVALID).await;
    }
    let fine = [
        json!("text/plain; charset=utf-8"),
        json!("TEXT/Plain;charset=\"utf-8\""),
        json!("video/webm;codecs=vp8,opus"),
        json!("text/plain;"),
        json!("text/plain; charset"),
        json!("text/plain ; charset = utf-8"),
        json!("text/plain;\tcharset=utf-8"),
        json!("text/plain; charset=\"utf-8"),
        json!("application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        json!(format!("a/{}", "b".repeat(253))),
    ];
    for kind in fine {
        check_field(&app, "contentType", kind, FINE).await;
    }
}

#[tokio::test]
async fn sizes() {
    let app = offline(&[]);
    for size in [
        "-1",
        "-0",
        "1.5",
        "5.0",
        "1e3",
        "\"5\"",
        "true",
        "[]",
        "{}",
        "18446744073709551616",
        "1e400",
    ] {
        let body = format!(r#"{{"fileName": "a", "contentType": "a/b", "size": {size}}}"#);
        check(&app, &body, INVALID).await;
    }
    let gib = 1_u64 << 30;
    for (size, expected) in [
        (0, FINE),
        (5 * gib, FINE),
        (5 * gib + 1, (413, "use_multipart")),
        (5 * 1024 * gib, (413, "use_multipart")),
        (5 * 1024 * gib + 1, (413, "file_too_large")),
        (u64::MAX, (413, "file_too_large")),
    ] {
        check_field(&app, "size", json!(size), expected).await;
    }
}

#[tokio::test]
async fn checksums() {
    let app = offline(&[]);
    let good = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=";
    check_field(&app, "checksumSha256", json!(good), FINE).await;
    for bad in [
        json!(5),
        json!(""),
        json!("x"),
        json!(good.trim_end_matches('=')),
        json!(good.replace('+', "-")),
        json!(format!("{good}-3")),
        json!(format!(" {good}")),
        json!(format!("{good}\n")),
        // 31 and 33 bytes, and 32 bytes whose last bits are not zero.
        json!("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmA=="),
        json!("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQA"),
        json!("LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCR="),
        json!("2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"),
    ] {
        check_field(&app, "checksumSha256", bad, INVALID).await;
    }
}

#[tokio::test]
async fn the_limits_of_the_deployment() {
    let app = offline(&[
        ("MAX_UPLOAD_BYTES", "10"),
        ("MAX_MULTIPART_BYTES", "6000000000"),
        ("ALLOWED_CONTENT_TYPES", "image/*, Application/PDF"),
    ]);
    let check = async |kind: &str, size: u64, expected: (u16, &str)| {
        let body = json!({ "fileName": "a", "contentType": kind, "size": size });
        check(&app, &body.to_string(), expected).await;
    };
    check("image/png", 10, FINE).await;
    check("IMAGE/PNG; a=b", 0, FINE).await;
    check("application/pdf", 10, FINE).await;
    check("application/pdf2", 10, (415, "type_not_allowed")).await;
    check("text/html", 10, (415, "type_not_allowed")).await;
    check("imagex/png", 10, (415, "type_not_allowed")).await;
    check("image/png", 11, (413, "file_too_large")).await;
    check("image/png", 5_368_709_121, (413, "use_multipart")).await;
    check("image/png", 6_000_000_001, (413, "file_too_large")).await;
    let body = json!({ "fileName": "a", "contentType": "text/html" });
    let error = app.post("alice", "/presign-upload", body).await;
    insta::assert_json_snapshot!(error.json, @r#"
    {
      "code": "type_not_allowed",
      "error": "Files of type text/html are not accepted here. Accepted: image/*, application/pdf.",
      "success": false
    }
    "#);
}
