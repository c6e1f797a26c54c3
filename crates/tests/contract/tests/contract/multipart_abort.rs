//! Aborting an upload, also repeatedly and while it is being completed.

use serde_json::json;

use crate::world::{MIB, World, failed, put_part};

#[tokio::test]
async fn an_aborted_upload_stays_aborted() {
    let world = World::new().await;
    let begun = world.begin("alice", 5 * MIB + 1).await;
    let signed = world.sign("alice", &begun, &[2]).await;
    assert_eq!(put_part(&signed[0], b"x").await.status(), 200);
    for _ in 0..3 {
        assert_eq!(
            world.abort("alice", &begun).await.expect(200),
            json!({ "success": true })
        );
    }
    assert!(world.s3_uploads().await.is_empty());
    assert!(world.open_uploads("alice").await.is_empty());
    // A part URL that is still valid does not bring it back.
    let refused = failed(put_part(&signed[0], b"x").await).await;
    assert_eq!(refused, (404, "NoSuchUpload".to_owned()));
    for (method, of) in [("GET", ""), ("POST", "parts"), ("POST", "complete")] {
        let answer = world.about("alice", method, &begun, of).await;
        answer.refused(404, "not_found");
    }
    world.abort("alice", &begun).await.expect(200);
    assert!(world.is_empty().await);
}

#[tokio::test]
async fn a_completed_upload_cannot_be_aborted() {
    let world = World::new().await;
    let begun = world.uploaded("alice", b"hello").await;
    world.complete("alice", &begun).await.expect(201);
    world.abort("alice", &begun).await.refused(404, "not_found");
    assert_eq!(world.list("alice").await.len(), 1);
}

/// The request that S3 executes first wins, and both responses agree.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_complete_and_abort_have_one_outcome() {
    let world = World::new().await;
    let (one, other) = (world.app(&[]), world.app(&[]));
    let (mut files, mut bytes) = (0, 0);
    for round in 0..12 {
        let begun = world.uploaded("alice", b"hello").await;
        let given_up = async {
            // Alternates which of the two requests is sent first.
            tokio::time::sleep(std::time::Duration::from_millis(round * 2)).await;
            other.abort("alice", &begun).await
        };
        let (completed, given_up) = tokio::join!(one.complete("alice", &begun), given_up);
        let outcome = (completed.status, given_up.status);
        let object = world.object(begun["objectKey"].as_str().unwrap()).await;
        match outcome {
            (200 | 201, 404) => {
                assert!(object.is_some());
                (files, bytes) = (files + 1, bytes + 5);
                world.complete("alice", &begun).await.expect(200);
                world.abort("alice", &begun).await.refused(404, "not_found");
            }
            (404, 200) => {
                assert!(object.is_none());
                world
                    .complete("alice", &begun)
                    .await
                    .refused(404, "not_found");
                world.abort("alice", &begun).await.expect(200);
            }
            _ => panic!("{completed:?} {given_up:?}"),
        }
        assert_eq!(world.usage("alice").await, (files, bytes));
    }
    assert!(world.s3_uploads().await.is_empty());
    assert!(world.open_uploads("alice").await.is_empty());
}
