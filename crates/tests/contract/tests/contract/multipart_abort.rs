//! Giving an upload up: also again, and also while it is being completed.

use serde_json::json;

use crate::world::{MIB, World, failed, put_part};

#[tokio::test]
async fn it_is_given_up_for_good() {
    let world = World::new().await;
    let begun = world.begin("alice", 5 * MIB + 1).await;
    let signed = world.sign("alice", &begun, &[2]).await;
    assert_eq!(put_part(&signed[0], b"x").await.status(), 200);
    for _ in 0..3 {
        assert_eq!(
            world.give_up("alice", &begun).await.expect(200),
            json!({ "success": true })
        );
    }
    assert!(world.s3_uploads().await.is_empty());
    assert!(world.open_uploads("alice").await.is_empty());
    // A URL that still holds brings nothing back.
    let refused = failed(put_part(&signed[0], b"x").await).await;
    assert_eq!(refused, (404, "NoSuchUpload".to_owned()));
    for (method, of) in [("GET", ""), ("POST", "parts"), ("POST", "complete")] {
        let answer = world.about("alice", method, &begun, of).await;
        answer.refused(404, "not_found");
    }
    world.give_up("alice", &begun).await.expect(200);
    assert!(world.is_empty().await);
}

#[tokio::test]
async fn a_file_is_not_given_up_but_deleted() {
    let world = World::new().await;
    let begun = world.uploaded("alice", b"hello").await;
    world.complete("alice", &begun).await.expect(201);
    world
        .give_up("alice", &begun)
        .await
        .refused(404, "not_found");
    assert_eq!(world.list("alice").await.len(), 1);
}

/// Whichever S3 takes first holds, and both answers say so.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn completing_and_giving_up_at_once_have_one_outcome() {
    let world = World::new().await;
    let (one, other) = (world.app(&[]), world.app(&[]));
    let (mut files, mut bytes) = (0, 0);
    for round in 0..12 {
        let begun = world.uploaded("alice", b"hello").await;
        let given_up = async {
            // So that now one and now the other is ahead.
            tokio::time::sleep(std::time::Duration::from_millis(round * 2)).await;
            other.give_up("alice", &begun).await
        };
        let (completed, given_up) = tokio::join!(one.complete("alice", &begun), given_up);
        let outcome = (completed.status, given_up.status);
        let object = world.object(begun["objectKey"].as_str().unwrap()).await;
        match outcome {
            (200 | 201, 404) => {
                assert!(object.is_some());
                (files, bytes) = (files + 1, bytes + 5);
                world.complete("alice", &begun).await.expect(200);
                world
                    .give_up("alice", &begun)
                    .await
                    .refused(404, "not_found");
            }
            (404, 200) => {
                assert!(object.is_none());
                world
                    .complete("alice", &begun)
                    .await
                    .refused(404, "not_found");
                world.give_up("alice", &begun).await.expect(200);
            }
            _ => panic!("{completed:?} {given_up:?}"),
        }
        assert_eq!(world.usage("alice").await, (files, bytes));
    }
    assert!(world.s3_uploads().await.is_empty());
    assert!(world.open_uploads("alice").await.is_empty());
}
