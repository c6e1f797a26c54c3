//! The rights of each function with its own key, and the denials of the bucket policy.

use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::types::{Delete, ObjectCannedAcl, ObjectIdentifier};
use time::{Duration, OffsetDateTime};

use crate::stack::{BUCKET, Stack, keys_of, refusal, refused};

const KEY: &str = "alice/01890a5d-ac96-774b-bcce-b302099a8057/a.txt";
const OTHER: &str = "alice/01890a5d-ac96-774b-bcce-b302099a8058/a.txt";
/// A key that no function generates.
const FOREIGN: &str = "backup/2026/dump.sql";
const DENIED: (u16, &str) = (403, "AccessDenied");

impl Stack {
    /// Status and code of a request by a URL that `function` has signed.
    async fn by_url(&self, function: &str, method: &str, key: &str) -> (u16, String) {
        let url = self.url(method, key).keys(&keys_of(function)).sign();
        let method = method.parse().unwrap();
        let request = self.http.request(method, url).body("hello");
        refused(request.send().await.unwrap()).await
    }

    /// The actions that `function` has used.
    fn used(&self, function: &str) -> Vec<(String, Vec<String>)> {
        let mut used = self.server.used();
        let actions = used.remove(function).unwrap_or_default().into_iter();
        actions
            .map(|(action, operations)| (action, operations.into_iter().collect()))
            .collect()
    }
}

fn is_denied(answer: &(u16, String)) -> bool {
    (answer.0, answer.1.as_str()) == DENIED
}

#[tokio::test]
async fn a_url_may_do_what_the_role_of_its_signer_grants() {
    let stack = Stack::start().await;
    stack.put(FOREIGN, b"hello").await;
    for (function, method, key, expected) in [
        ("presign", "PUT", KEY, 200),
        ("presign-quota", "PUT", KEY, 200),
        ("multipart", "PUT", KEY, 200),
        ("files", "PUT", KEY, 403),
        ("presign", "PUT", FOREIGN, 403),
        ("files", "GET", KEY, 200),
        ("save-metadata", "GET", KEY, 200),
        ("presign", "GET", KEY, 403),
        ("delete", "GET", KEY, 403),
        ("files", "GET", FOREIGN, 403),
        ("files", "DELETE", KEY, 403),
        ("migrate", "GET", KEY, 403),
        ("delete", "DELETE", KEY, 204),
    ] {
        let answer = stack.by_url(function, method, key).await;
        assert_eq!(answer.0, expected, "{function} {method} {key}");
        if expected == 403 {
            assert!(is_denied(&answer), "{function} {method} {key}: {answer:?}");
        }
    }
    let used = vec![(
        "s3:PutObject".to_owned(),
        vec!["PutObject by URL".to_owned()],
    )];
    assert_eq!(stack.used("presign"), used);
    assert_eq!(stack.used("migrate"), []);
}

#[tokio::test]
async fn a_refusal_names_the_function_and_the_action() {
    let stack = Stack::start().await;
    let list = stack.sdk_of("files").list_objects_v2().bucket(BUCKET);
    let error = list.send().await.unwrap_err();
    assert_eq!(error.code(), Some("AccessDenied"));
    let message = error.message().unwrap();
    assert_eq!(
        message,
        "User: arn:aws:sts::000000000000:assumed-role/files/files is not authorized to perform: s3:ListBucket on \
         resource: \"arn:aws:s3:::slipway-test\" because no identity-based policy allows the s3:ListBucket action"
    );
}

/// S3's rule for callers without `s3:ListBucket`.
#[tokio::test]
async fn a_missing_object_is_404_only_to_those_who_may_list() {
    let stack = Stack::start().await;
    for (function, status) in [("files", 403), ("save-metadata", 404)] {
        let sdk = stack.sdk_of(function);
        let get = sdk.get_object().bucket(BUCKET).key(KEY).send().await;
        let head = sdk.head_object().bucket(BUCKET).key(KEY).send().await;
        assert_eq!(refusal(get).0, status, "{function}");
        assert_eq!(refusal(head).0, status, "{function}");
        assert_eq!(stack.by_url(function, "GET", KEY).await.0, status);
    }
    let listed = stack.used("save-metadata").into_iter();
    let listed: Vec<_> = listed.filter(|(name, _)| name == "s3:ListBucket").collect();
    let expected = [
        "GetObject of a missing object",
        "GetObject of a missing object by URL",
        "HeadObject of a missing object",
    ];
    assert_eq!(listed[0].1, expected);
}

#[tokio::test]
async fn each_object_of_a_delete_is_allowed_by_itself() {
    let stack = Stack::start().await;
    for key in [KEY, OTHER, FOREIGN] {
        stack.put(key, b"hello").await;
    }
    let named = |key: &str| ObjectIdentifier::builder().key(key).build().unwrap();
    let all = Delete::builder().set_objects(Some([KEY, FOREIGN].map(named).to_vec()));
    let all = all.build().unwrap();
    let delete = |function| {
        let delete = stack.sdk_of(function).delete_objects().bucket(BUCKET);
        delete.delete(all.clone()).send()
    };
    // The request succeeds, and no object is deleted.
    let answer = delete("presign").await.unwrap();
    assert_eq!(answer.errors().len(), 2);
    assert_eq!(stack.bytes(KEY).await.unwrap(), b"hello");

    let answer = delete("delete").await.unwrap();
    assert_eq!(answer.deleted()[0].key(), Some(KEY));
    let [error] = answer.errors() else {
        panic!("{answer:?}")
    };
    assert_eq!(
        (error.key(), error.code()),
        (Some(FOREIGN), Some("AccessDenied"))
    );
    assert!(stack.bytes(KEY).await.is_none());
    assert_eq!(stack.bytes(FOREIGN).await.unwrap(), b"hello");
    let used = vec![(
        "s3:DeleteObject".to_owned(),
        vec!["DeleteObjects".to_owned()],
    )];
    assert_eq!(stack.used("delete"), used);
}

#[tokio::test]
async fn uploads_in_parts_need_their_actions() {
    let stack = Stack::start().await;
    let create = |function| {
        let create = stack.sdk_of(function).create_multipart_upload();
        create.bucket(BUCKET).key(KEY).send()
    };
    assert_eq!(refusal(create("files").await).1, "AccessDenied");
    let begun = create("multipart").await.unwrap();
    let id = begun.upload_id().unwrap();
    for (function, allowed) in [("presign", false), ("multipart", true)] {
        let parts = stack.sdk_of(function).list_parts().bucket(BUCKET);
        let parts = parts.key(KEY).upload_id(id).send().await;
        assert_eq!(parts.is_ok(), allowed, "{function}");
    }
    for (function, allowed) in [("multipart", false), ("maintain-function", true)] {
        let uploads = stack.sdk_of(function).list_multipart_uploads();
        let uploads = uploads.bucket(BUCKET).send().await;
        assert_eq!(uploads.is_ok(), allowed, "{function}");
    }
    for (function, allowed) in [("presign", false), ("maintain-function", true)] {
        let abort = stack.sdk_of(function).abort_multipart_upload();
        let abort = abort.bucket(BUCKET).key(KEY).upload_id(id).send().await;
        assert_eq!(abort.is_ok(), allowed, "{function}");
    }
}

/// S3 requires `s3:PutObjectTagging` for the tags of an upload, and `s3:PutObjectAcl` for its
/// access control list. No function that presigns has them.
#[tokio::test]
async fn tags_and_acl_of_an_upload_need_actions_of_their_own() {
    let stack = Stack::start().await;
    let put = |function| {
        let put = stack.sdk_of(function).put_object().bucket(BUCKET).key(KEY);
        put.body(b"hello".to_vec().into())
    };
    let tagged = put("presign").tagging("scan=clean").send().await;
    assert_eq!(refusal(tagged).1, "AccessDenied");
    let public = put("presign").acl(ObjectCannedAcl::PublicRead).send().await;
    assert_eq!(refusal(public).1, "AccessDenied");
    assert!(stack.bytes(KEY).await.is_none());
    put("presign").send().await.unwrap();
}

/// Operations that this server does not have are denied to functions, and reported as unknown to
/// the administrator.
#[tokio::test]
async fn an_operation_that_is_not_known_is_denied_to_functions() {
    let stack = Stack::start().await;
    let acl = stack.sdk_of("files").get_bucket_acl().bucket(BUCKET);
    assert_eq!(refusal(acl.send().await).1, "AccessDenied");
    let acl = stack.sdk().get_bucket_acl().bucket(BUCKET);
    assert_eq!(refusal(acl.send().await).1, "NotImplemented");
}

#[tokio::test]
async fn the_bucket_policy_holds_without_any_setting() {
    let stack = Stack::start().await;
    stack.put(KEY, b"hello").await;
    let ago = |seconds| OffsetDateTime::now_utc() - Duration::seconds(seconds);
    // The template's defaults: 300 s for uploads, 900 s for reads.
    for (method, seconds, expected) in [
        ("PUT", 280, 200),
        ("PUT", 320, 403),
        ("GET", 880, 200),
        ("GET", 920, 403),
    ] {
        let url = stack.url(method, KEY).expires(7200).at(ago(seconds));
        let url = url.sign();
        let request = stack.http.request(method.parse().unwrap(), url);
        let answer = request.body("hello").send().await.unwrap();
        assert_eq!(answer.status().as_u16(), expected, "{method} {seconds}");
    }
}

#[tokio::test]
async fn a_key_of_another_server_is_unknown() {
    let stack = Stack::start().await;
    for keys in [
        slipway_emulators::s3::KeyPair::new("AKIAOTHER", "x").of_function("files"),
        keys_of("no-such-function"),
    ] {
        let url = stack.url("GET", KEY).keys(&keys).sign();
        let answer = refused(stack.http.get(url).send().await.unwrap()).await;
        assert_eq!(answer, (403, "InvalidAccessKeyId".to_owned()));
    }
    // The id of one function with the secret of another.
    let mut keys = keys_of("files");
    keys.secret_key = keys_of("delete").secret_key;
    let url = stack.url("GET", KEY).keys(&keys).sign();
    let answer = refused(stack.http.get(url).send().await.unwrap()).await;
    assert_eq!(answer, (403, "SignatureDoesNotMatch".to_owned()));
}
