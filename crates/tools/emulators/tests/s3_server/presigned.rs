//! Presigned URLs: what they allow, and what they refuse.

use time::{Duration, OffsetDateTime};

use crate::stack::{BUCKET, Stack, refused};

#[tokio::test]
async fn metadata_in_the_query_is_stored() {
    let stack = Stack::start().await;
    let url = stack
        .url("PUT", "k")
        .query("x-amz-meta-name", "Zm9v_-")
        .query("x-amz-meta-note", "a b+c");
    // S3 stores these only from headers.
    let url = url
        .query("x-amz-checksum-sha256", "bm90IGV2ZW4gYSBzdW0=")
        .query("x-amz-tagging", "a=b");
    let url = url
        .query("x-amz-server-side-encryption", "aws:kms")
        .header("content-type", "text/plain")
        .sign();
    let put = stack
        .http
        .put(url)
        .header("content-type", "text/plain")
        .body("hello")
        .send()
        .await
        .unwrap();
    assert_eq!(put.status(), 200);
    let head = stack
        .sdk()
        .head_object()
        .bucket(BUCKET)
        .key("k")
        .send()
        .await
        .unwrap();
    let metadata = head.metadata().unwrap();
    assert_eq!(metadata.len(), 2);
    assert_eq!(metadata["name"], "Zm9v_-");
    assert_eq!(metadata["note"], "a b+c");
    assert_eq!(head.content_type(), Some("text/plain"));
    assert_eq!(head.server_side_encryption(), None);
}

#[tokio::test]
async fn a_header_replaces_the_query_only_if_it_is_signed() {
    let stack = Stack::start().await;
    let url = stack
        .url("PUT", "k")
        .query("x-amz-meta-name", "query")
        .sign();
    let put = stack
        .http
        .put(&url)
        .header("x-amz-meta-name", "forged")
        .body("")
        .send()
        .await
        .unwrap();
    assert_eq!(refused(put).await, (403, "AccessDenied".into()));
    // A URL does not accept unsigned metadata either.
    let forged = format!("{url}&x-amz-meta-other=1");
    let put = stack.http.put(forged).body("").send().await.unwrap();
    assert_eq!(refused(put).await, (403, "SignatureDoesNotMatch".into()));
    assert_eq!(stack.bytes("k").await, None);
}

#[tokio::test]
async fn a_url_allows_only_the_signed_request() {
    let stack = Stack::start().await;
    let url = || {
        stack
            .url("PUT", "k")
            .header("content-length", "5")
            .header("content-type", "text/plain")
            .sign()
    };
    let put = |url: String, kind: &'static str, body: &'static str| {
        stack
            .http
            .put(url)
            .header("content-type", kind)
            .body(body)
            .send()
    };
    let mismatch = (403, "SignatureDoesNotMatch".to_owned());
    assert_eq!(
        refused(put(url(), "text/plain", "123456").await.unwrap()).await,
        mismatch
    );
    assert_eq!(
        refused(put(url(), "text/plain", "1234").await.unwrap()).await,
        mismatch
    );
    assert_eq!(
        refused(put(url(), "text/html", "12345").await.unwrap()).await,
        mismatch
    );
    let other = url().replace("/k?", "/l?");
    assert_eq!(
        refused(put(other, "text/plain", "12345").await.unwrap()).await,
        mismatch
    );
    assert_eq!(stack.bytes("k").await, None);
    assert_eq!(
        put(url(), "text/plain", "12345").await.unwrap().status(),
        200
    );
    let deletion = stack.http.delete(url()).send().await.unwrap();
    assert_eq!(refused(deletion).await, mismatch);
    assert_eq!(stack.bytes("k").await.unwrap(), b"12345");
}

#[tokio::test]
async fn the_default_type_is_binary() {
    let stack = Stack::start().await;
    let url = stack.url("PUT", "k").sign();
    let put = stack.http.put(url).body("x").send().await.unwrap();
    assert_eq!(put.status(), 200);
    let url = stack.url("GET", "k").sign();
    let get = stack.http.get(url).send().await.unwrap();
    assert_eq!(get.headers()["content-type"], "binary/octet-stream");
}

#[tokio::test]
async fn a_url_expires() {
    let stack = Stack::start().await;
    stack.put("k", b"x").await;
    let minute_ago = OffsetDateTime::now_utc() - Duration::MINUTE;
    let live = stack.url("GET", "k").at(minute_ago).expires(90).sign();
    assert_eq!(stack.http.get(live).send().await.unwrap().status(), 200);
    let dead = stack.url("GET", "k").at(minute_ago).expires(59).sign();
    let response = stack.http.get(dead).send().await.unwrap();
    assert_eq!(response.status(), 403);
    let text = response.text().await.unwrap();
    assert!(
        text.contains("<Code>AccessDenied</Code>") && text.contains("Request has expired"),
        "{text}"
    );
    let week = stack.url("GET", "k").expires(604_800).sign();
    assert_eq!(stack.http.get(week).send().await.unwrap().status(), 200);
    let longer = stack.url("GET", "k").expires(604_801).sign();
    let response = stack.http.get(longer).send().await.unwrap();
    assert_eq!(
        refused(response).await,
        (400, "AuthorizationQueryParametersError".into())
    );
}

#[tokio::test]
async fn only_the_key_pair_has_access() {
    let stack = Stack::start().await;
    stack.put("k", b"x").await;
    let anonymous = stack
        .http
        .get(format!("{}/{BUCKET}/k", stack.server.endpoint()))
        .send()
        .await
        .unwrap();
    assert_eq!(refused(anonymous).await, (403, "AccessDenied".into()));
    let stranger = stack.url("GET", "k").access_key("AKIASTRANGER").sign();
    let stranger = stack.http.get(stranger).send().await.unwrap();
    assert_eq!(refused(stranger).await, (403, "InvalidAccessKeyId".into()));
    let elsewhere = stack.url("GET", "k").region("us-west-2").sign();
    let elsewhere = stack.http.get(elsewhere).send().await.unwrap();
    assert_eq!(
        refused(elsewhere).await,
        (400, "AuthorizationHeaderMalformed".into())
    );
}

#[tokio::test]
async fn the_query_of_a_read_overrides_the_reply() {
    let stack = Stack::start().await;
    stack.put("k", b"<b>").await;
    for method in ["GET", "HEAD"] {
        let url = stack
            .url(method, "k")
            .query("response-content-type", "text/plain");
        let url = url.query(
            "response-content-disposition",
            "attachment; filename*=UTF-8''a%20b.txt",
        );
        let url = url
            .query("response-cache-control", "private, max-age=60")
            .sign();
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let response = stack.http.request(method, url).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/plain");
        assert_eq!(
            response.headers()["content-disposition"],
            "attachment; filename*=UTF-8''a%20b.txt"
        );
        assert_eq!(response.headers()["cache-control"], "private, max-age=60");
        assert_eq!(response.headers()["content-length"], "3");
    }
}

#[tokio::test]
async fn a_url_with_another_authorization_is_refused() {
    let stack = Stack::start().await;
    stack.put("k", b"x").await;
    for authorization in ["Bearer a.b.c", "AWS4-HMAC-SHA256 Credential=x"] {
        let get = stack.http.get(stack.url("GET", "k").sign());
        let get = get.header("authorization", authorization).send();
        let response = get.await.unwrap();
        assert_eq!(response.status(), 400);
        let text = response.text().await.unwrap();
        assert!(
            text.contains("<Code>InvalidArgument</Code>")
                && text.contains("Only one auth mechanism allowed"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn the_encoded_path_is_signed_however_it_is_sent() {
    let stack = Stack::start().await;
    for (key, encoded, bare) in [
        ("a@b", "%40", "@"),
        ("a=b", "%3D", "="),
        ("a+b", "%2B", "+"),
    ] {
        stack.put(key, b"x").await;
        let url = stack.url("GET", key).sign();
        let sent_bare = url.replacen(encoded, bare, 1);
        for url in [url, sent_bare] {
            let get = stack.http.get(&url).send().await.unwrap();
            assert_eq!(get.status(), 200, "{url}");
        }
        let signed_bare = stack.url("GET", key).path_with(encoded, bare).sign();
        let get = stack.http.get(signed_bare).send().await.unwrap();
        assert_eq!(refused(get).await, (403, "SignatureDoesNotMatch".into()));
    }
}
