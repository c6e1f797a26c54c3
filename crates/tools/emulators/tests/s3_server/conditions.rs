//! Write-once, browser caches, and ranges.

use crate::stack::{BUCKET, Stack, refusal, refused};

#[tokio::test]
async fn write_once_refuses_the_second_write() {
    let stack = Stack::start().await;
    let put = |body: &'static str| {
        let url = stack.url("PUT", "k").header("if-none-match", "*").sign();
        stack
            .http
            .put(url)
            .header("if-none-match", "*")
            .body(body)
            .send()
    };
    assert_eq!(put("first").await.unwrap().status(), 200);
    assert_eq!(
        refused(put("second").await.unwrap()).await,
        (412, "PreconditionFailed".into())
    );
    assert_eq!(stack.bytes("k").await.unwrap(), b"first");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_write_once_uploads_one_wins() {
    let mut stack = Stack::start().await;
    let sdk = stack.sdk();
    let puts = (0..16u8).map(|n| {
        let put = sdk.put_object().bucket(BUCKET).key("k").if_none_match("*");
        let put = put.body(vec![n; 200_000].into()).send();
        tokio::spawn(async move { (n, put.await) })
    });
    let mut winner = None;
    for put in puts.collect::<Vec<_>>() {
        match put.await.unwrap() {
            (n, Ok(_)) => assert_eq!(winner.replace(n), None),
            (_, Err(error)) => {
                assert_eq!(
                    refusal::<(), _>(Err(error)),
                    (412, "PreconditionFailed".into())
                );
            }
        }
    }
    assert_eq!(
        stack.bytes("k").await.unwrap(),
        vec![winner.unwrap(); 200_000]
    );
    assert!(stack.events.try_recv().is_ok());
    assert!(stack.events.try_recv().is_err());
    assert_eq!(
        std::fs::read_dir(stack.root.path().join("drafts"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn a_write_may_depend_on_what_is_there() {
    let stack = Stack::start().await;
    let sdk = stack.sdk();
    let put = || {
        sdk.put_object()
            .bucket(BUCKET)
            .key("k")
            .body(b"x".to_vec().into())
    };
    assert_eq!(
        refusal(put().if_match("\"abc\"").send().await),
        (404, "NoSuchKey".into())
    );
    let etag = put().send().await.unwrap().e_tag.unwrap();
    assert_eq!(
        refusal(put().if_match("\"abc\"").send().await),
        (412, "PreconditionFailed".into())
    );
    put().if_match(etag).send().await.unwrap();
}

#[tokio::test]
async fn a_browser_may_keep_what_has_not_changed() {
    let stack = Stack::start().await;
    stack.put("k", b"hello").await;
    let get = |name: &'static str, value: String| {
        let url = stack
            .url("GET", "k")
            .query("response-cache-control", "private, max-age=60");
        let get = stack.http.get(url.sign()).header(name, value);
        get.header("origin", "http://localhost:5173").send()
    };
    let whole = get("accept", "*/*".into()).await.unwrap();
    let etag = whole.headers()["etag"].to_str().unwrap().to_owned();
    let date = whole.headers()["last-modified"]
        .to_str()
        .unwrap()
        .to_owned();
    for (name, value) in [
        ("if-none-match", etag.clone()),
        ("if-modified-since", date.clone()),
    ] {
        let same = get(name, value).await.unwrap();
        assert_eq!(same.status(), 304);
        assert_eq!(same.headers()["etag"], etag);
        assert_eq!(same.headers()["last-modified"], date);
        assert_eq!(same.headers()["cache-control"], "private, max-age=60");
        assert_eq!(same.headers()["access-control-allow-origin"], "*");
        assert_eq!(same.bytes().await.unwrap().len(), 0);
    }
    for (name, value) in [
        ("if-none-match", "\"other\"".to_owned()),
        ("if-match", etag),
        (
            "if-modified-since",
            "Tue, 01 Jan 2019 00:00:00 GMT".to_owned(),
        ),
        ("if-unmodified-since", date),
    ] {
        assert_eq!(get(name, value).await.unwrap().status(), 200, "{name}");
    }
    for (name, value) in [
        ("if-match", "\"other\""),
        ("if-unmodified-since", "Tue, 01 Jan 2019 00:00:00 GMT"),
    ] {
        let changed = get(name, value.to_owned()).await.unwrap();
        assert_eq!(refused(changed).await, (412, "PreconditionFailed".into()));
    }
}

#[tokio::test]
async fn a_range_is_a_part_of_the_object() {
    let stack = Stack::start().await;
    stack.put("k", b"0123456789").await;
    stack.put("empty", b"").await;
    let get = |key: &'static str, range: &'static str| {
        let url = stack.url("GET", key).sign();
        stack.http.get(url).header("range", range).send()
    };
    for (range, bytes, shown) in [
        ("bytes=0-1", "01", "bytes 0-1/10"),
        ("bytes=8-", "89", "bytes 8-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=5-99", "56789", "bytes 5-9/10"),
        ("bytes=-99", "0123456789", "bytes 0-9/10"),
    ] {
        let part = get("k", range).await.unwrap();
        assert_eq!(part.status(), 206, "{range}");
        assert_eq!(part.headers()["content-range"], shown);
        assert_eq!(part.headers()["content-length"], bytes.len().to_string());
        assert_eq!(part.headers()["accept-ranges"], "bytes");
        assert_eq!(part.text().await.unwrap(), bytes);
    }
    for (key, range, shown) in [
        ("k", "bytes=10-", "bytes */10"),
        ("empty", "bytes=0-", "bytes */0"),
    ] {
        let none = get(key, range).await.unwrap();
        assert_eq!(none.headers()["content-range"], shown);
        assert_eq!(refused(none).await, (416, "InvalidRange".into()));
    }
    let head = stack
        .sdk()
        .head_object()
        .bucket(BUCKET)
        .key("k")
        .range("bytes=2-3")
        .send()
        .await
        .unwrap();
    assert_eq!(head.content_length(), Some(2));
}

#[tokio::test]
async fn a_resumed_read_gets_all_of_another_object() {
    let stack = Stack::start().await;
    stack.put("k", b"0123456789").await;
    for (known, status) in [
        ("\"781e5e245d69b566979b86e28d23f2c7\"", 206),
        ("\"other\"", 200),
    ] {
        let get = stack
            .http
            .get(stack.url("GET", "k").sign())
            .header("range", "bytes=5-");
        assert_eq!(
            get.header("if-range", known).send().await.unwrap().status(),
            status
        );
    }
}
