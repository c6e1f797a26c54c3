//! Lists of uploads and of their parts.

use aws_sdk_s3::types::{MultipartUpload, Part};

use crate::multipart::{begin, part};
use crate::stack::{BUCKET, Stack};

#[tokio::test]
async fn parts_are_listed_page_by_page() {
    let stack = Stack::start().await;
    let sdk = stack.plain_sdk();
    let id = begin(&sdk, "k").await;
    for number in [9, 2, 10_000, 4, 1] {
        part(
            &sdk,
            "k",
            &id,
            number,
            vec![1; usize::try_from(number).unwrap()],
        )
        .await;
    }
    let list = || sdk.list_parts().bucket(BUCKET).key("k").upload_id(&id);
    let whole = list().send().await.unwrap();
    assert_eq!(
        (whole.is_truncated(), whole.max_parts()),
        (Some(false), Some(1000))
    );
    let shown = |p: &Part| (p.part_number().unwrap(), p.size().unwrap());
    let parts: Vec<_> = whole.parts().iter().map(shown).collect();
    assert_eq!(parts, [(1, 1), (2, 2), (4, 4), (9, 9), (10_000, 10_000)]);
    assert_eq!(
        whole.parts()[0].e_tag(),
        Some("\"55a54008ad1ba589aa210d2629c1df41\"")
    );
    let page = list()
        .max_parts(2)
        .part_number_marker("2")
        .send()
        .await
        .unwrap();
    assert_eq!(
        page.parts().iter().map(shown).collect::<Vec<_>>(),
        parts[2..4]
    );
    assert_eq!(
        (page.is_truncated(), page.next_part_number_marker()),
        (Some(true), Some("9"))
    );
    let end = list().part_number_marker("9").send().await.unwrap();
    assert_eq!((end.parts().len(), end.is_truncated()), (1, Some(false)));
}

#[tokio::test]
async fn uploads_are_listed_by_key_then_age() {
    let stack = Stack::start().await;
    let sdk = stack.plain_sdk();
    let mut begun = Vec::new();
    for key in ["b", "a/2", "a/1", "b"] {
        begun.push((key.to_owned(), begin(&sdk, key).await));
    }
    begun.sort_by(|a, b| a.0.cmp(&b.0));
    let list = || sdk.list_multipart_uploads().bucket(BUCKET);
    let shown = |u: &MultipartUpload| {
        (
            u.key().unwrap().to_owned(),
            u.upload_id().unwrap().to_owned(),
        )
    };
    let whole = list().send().await.unwrap();
    assert_eq!(whole.uploads().iter().map(shown).collect::<Vec<_>>(), begun);
    assert_eq!(list().prefix("a/").send().await.unwrap().uploads().len(), 2);
    let mut found = Vec::new();
    let (mut key, mut id) = (None, None);
    loop {
        let page = list()
            .max_uploads(1)
            .set_key_marker(key)
            .set_upload_id_marker(id)
            .send()
            .await
            .unwrap();
        found.extend(page.uploads().iter().map(shown));
        if page.is_truncated() == Some(false) {
            break;
        }
        (key, id) = (page.next_key_marker, page.next_upload_id_marker);
    }
    assert_eq!(found, begun);
}
