//! The statements that `docs/postgres.md` gives to an administrator.

use slipway_testkit::database;

use crate::support::file;

const PAGE: &str = include_str!("../../../../../docs/postgres.md");

#[tokio::test]
async fn every_statement_of_the_page_runs() {
    let database = database();
    let _ = file(&database.db(), "alice", 5).await;
    let admin = database.admin().await;
    let statements: Vec<&str> = PAGE
        .split("```sql\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(statements.len() > 8);
    for statement in statements {
        // Each by itself: some may not be in a transaction with others.
        admin.batch_execute(statement).await.expect(statement);
    }
}
