//! Listings: order, pages, prefixes and groups.

use std::time::Instant;

use aws_sdk_s3::types::EncodingType;

use crate::stack::{BUCKET, Stack, refusal};

async fn keys(stack: &Stack, prefix: &str, after: &str, page: i32) -> Vec<Vec<String>> {
    let list = stack
        .sdk()
        .list_objects_v2()
        .bucket(BUCKET)
        .prefix(prefix)
        .max_keys(page);
    let list = if after.is_empty() {
        list
    } else {
        list.start_after(after)
    };
    let mut pages = list.into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        assert_eq!(page.key_count(), i32::try_from(page.contents().len()).ok());
        found.push(
            page.contents()
                .iter()
                .map(|o| o.key().unwrap().to_owned())
                .collect(),
        );
    }
    found
}

#[tokio::test]
async fn keys_come_in_byte_order_page_by_page() {
    let stack = Stack::start().await;
    for key in ["b", "ü", "a/2", "B", "a/10", "a", "a!", "~"] {
        stack.put(key, key.as_bytes()).await;
    }
    let sorted = ["B", "a", "a!", "a/10", "a/2", "b", "~", "ü"];
    assert_eq!(keys(&stack, "", "", 1000).await, [sorted]);
    assert_eq!(keys(&stack, "", "", 3).await.concat(), sorted);
    assert_eq!(keys(&stack, "", "", 3).await[0], sorted[..3]);
    assert_eq!(keys(&stack, "", "", 4).await.len(), 2);
    assert_eq!(keys(&stack, "a/", "", 1).await, [["a/10"], ["a/2"]]);
    assert_eq!(keys(&stack, "", "a/10", 1000).await, [sorted[4..].to_vec()]);
    assert_eq!(keys(&stack, "a", "A", 1000).await, [sorted[1..5].to_vec()]);
    assert_eq!(keys(&stack, "c", "", 1000).await, [Vec::<String>::new()]);

    let list = stack
        .sdk()
        .list_objects_v2()
        .bucket(BUCKET)
        .prefix("a/10")
        .send()
        .await
        .unwrap();
    let object = &list.contents()[0];
    assert_eq!(
        (object.size(), object.e_tag()),
        (Some(4), Some("\"14e3fcd842130756ed601c1b5983c2b3\""))
    );
    assert_eq!(object.last_modified().unwrap().subsec_nanos(), 0);
    let forged = stack
        .sdk()
        .list_objects_v2()
        .bucket(BUCKET)
        .continuation_token("!")
        .send()
        .await;
    assert_eq!(refusal(forged), (400, "InvalidArgument".into()));
    let none = stack
        .sdk()
        .list_objects_v2()
        .bucket(BUCKET)
        .max_keys(0)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (none.key_count(), none.is_truncated()),
        (Some(0), Some(false))
    );
}

#[tokio::test]
async fn a_delimiter_groups_what_is_below() {
    let stack = Stack::start().await;
    for key in ["a/1", "a/2", "a/b/3", "b", "c/4", "d/"] {
        stack.put(key, b"").await;
    }
    for (prefix, page, objects, groups) in [
        ("", 1000, &["b"][..], &["a/", "c/", "d/"][..]),
        ("", 1, &["b"], &["a/", "c/", "d/"]),
        ("a/", 1000, &["a/1", "a/2"], &["a/b/"]),
        ("a/", 1, &["a/1", "a/2"], &["a/b/"]),
        ("a", 1000, &[], &["a/"]),
        ("d/", 1000, &["d/"], &[]),
    ] {
        let list = stack
            .sdk()
            .list_objects_v2()
            .bucket(BUCKET)
            .prefix(prefix)
            .delimiter("/");
        let mut pages = list.max_keys(page).into_paginator().send();
        let (mut found, mut grouped) = (Vec::new(), Vec::new());
        while let Some(page) = pages.next().await {
            let page = page.unwrap();
            found.extend(page.contents().iter().map(|o| o.key().unwrap().to_owned()));
            grouped.extend(
                page.common_prefixes()
                    .iter()
                    .map(|p| p.prefix().unwrap().to_owned()),
            );
        }
        assert_eq!(
            (found.as_slice(), grouped.as_slice()),
            (
                objects
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .as_slice(),
                groups
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .as_slice(),
            )
        );
    }
}

#[tokio::test]
async fn keys_that_xml_cannot_hold_are_encoded() {
    let stack = Stack::start().await;
    stack.put("a b/\u{1}+ü", b"").await;
    let list = stack
        .sdk()
        .list_objects_v2()
        .bucket(BUCKET)
        .encoding_type(EncodingType::Url);
    let list = list.send().await.unwrap();
    assert_eq!(list.contents()[0].key(), Some("a%20b/%01%2B%C3%BC"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_objects_are_loaded_and_listed_quickly() {
    let stack = Stack::start().await;
    fill(stack.root.path(), 10_000).await;
    let began = Instant::now();
    let stack = stack.restart().await;
    let loaded = began.elapsed();
    let began = Instant::now();
    let pages = keys(&stack, "many/", "", 1000).await;
    assert_eq!(pages.len(), 10);
    assert_eq!(pages.concat().len(), 10_000);
    // About 0.2 s each here. A scan for each page, or a directory walk, would take far longer.
    assert!(loaded.as_secs() < 5, "{loaded:?}");
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}

/// Copies one stored object under many names, as the store itself would write them.
async fn fill(root: &std::path::Path, count: usize) {
    let root = root.to_owned();
    let write = move || {
        for n in 0..count {
            let key = format!("many/{n:05}");
            let record = serde_json::json!({
                "key": key, "size": 0, "etag": "d41d8cd98f00b204e9800998ecf8427e", "modified": 1,
                "checksum": null, "described": {"metadata": {}},
            });
            let mut bytes = serde_json::to_vec(&record).unwrap();
            bytes.extend((bytes.len() as u64).to_be_bytes());
            let name = crate::signer::sha256(key.as_bytes());
            std::fs::write(
                root.join("objects").join(&name[..2]).join(&name[2..]),
                bytes,
            )
            .unwrap();
        }
    };
    tokio::task::spawn_blocking(write).await.unwrap();
}
