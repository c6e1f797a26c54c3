//! One role sees the rows of every user, through its policies alone. The tests' login would see
//! them without policies.

use tokio_postgres::error::SqlState;

use crate::world::{World, reconcile};

#[tokio::test]
async fn it_sees_what_the_policies_of_its_role_let_it_see() {
    let world = World::new().await;
    let file = world.file("alice").await;
    world
        .sql("ALTER POLICY slipway_maintain ON s3_files USING (user_id <> 'alice')")
        .await;
    // Her object seems to have no row, and her usage to have no files. Both are corrected by the
    // role that sees her row.
    let hidden = world.run(&reconcile()).await.numbers();
    assert_eq!(hidden, "drifted 1, objects 1");
    world
        .sql("ALTER POLICY slipway_maintain ON s3_files USING (true)")
        .await;
    let seen = world.run(&reconcile()).await.numbers();
    assert_eq!(seen, "drifted 1, objects 1, rows 1");
    world.check().await;
    world
        .sql("REVOKE ALL ON s3_files FROM slipway_maintain")
        .await;
    let ran = world.run(&reconcile()).await;
    let reason = ran.summary.stopped.unwrap();
    assert!(reason.contains("42501"), "{reason}");
    assert_eq!(world.live().await, [file.as_str()]);
}

#[tokio::test]
async fn checkpoints_are_none_of_the_functions_business() {
    let world = World::new().await;
    world.run(&reconcile()).await;
    let mut admin = world.database.admin().await;
    let transaction = admin.transaction().await.unwrap();
    transaction
        .batch_execute("SET LOCAL ROLE slipway_app; SET LOCAL app.user_id = 'alice'")
        .await
        .unwrap();
    let refused = transaction.query("SELECT FROM maintenance", &[]).await;
    let code = refused.unwrap_err();
    assert_eq!(code.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE));
}
