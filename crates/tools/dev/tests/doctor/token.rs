//! Invalid tokens, each for a different reason.

use serde_json::{Value, json};

use crate::stack::{Plan, Stack, token};

#[tokio::test(flavor = "multi_thread")]
async fn each_flaw_of_a_token_is_named() {
    let stack = Stack::healthy().await;
    for (changes, fault) in [
        (json!({ "exp": 1_700_000_000 }), "token_expired"),
        (json!({ "nbf": 4_000_000_000_u64 }), "token_early"),
        (json!({ "aud": "another" }), "token_audience"),
        (json!({ "iss": "https://issuer/" }), "token_issuer"),
        (json!({ "sub": null }), "token_owner"),
    ] {
        let report = stack.examine_with(&token(&changes), &[]).await;
        report.finds(&[fault]);
    }
    stack
        .examine_with("not-a-token", &[])
        .await
        .finds(&["token_malformed"]);
    let unsigned = format!(
        "eyJhbGciOiJub25lIn0{}",
        &good()[good().find('.').expect("a dot")..]
    );
    stack
        .examine_with(&unsigned, &[])
        .await
        .finds(&["token_algorithm"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_functions_responses_complete_the_outputs() {
    let mut stack = Stack::healthy().await;
    stack.outputs.remove("JwtIssuer");
    stack.outputs.remove("JwtAudience");
    let with = |changes: Value| token(&changes);
    let report = stack
        .examine_with(&with(json!({ "aud": "another" })), &[])
        .await;
    report.finds(&["token_audience"]);
    let report = stack
        .examine_with(&with(json!({ "iss": "another" })), &[])
        .await;
    report.finds(&["token_issuer"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_key() {
    let plan = Plan::with("JWT_SECRET", "another secret, and also thirty-two bytes");
    Stack::start(plan)
        .await
        .examine()
        .await
        .finds(&["token_key"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_the_claim_that_owns_files() {
    let mut stack = Stack::start(Plan::with("OWNER_CLAIM", "org_id")).await;
    let personal = good();
    let team = token(&json!({ "org_id": "team-7" }));
    // The function says so, whether or not the outputs name the claim.
    for known in [false, true] {
        if known {
            stack.outputs.insert("OwnerClaim", "org_id".to_owned());
        }
        for token in [&personal, &token(&json!({ "org_id": 7 }))] {
            let report = stack.examine_with(token, &[]).await;
            report.finds(&["token_owner"]);
        }
        stack.examine_with(&team, &[]).await.finds(&[]);
    }
    // Errors of the token itself are reported first.
    let expired = token(&json!({ "org_id": "team-7", "exp": 1_700_000_000 }));
    let report = stack.examine_with(&expired, &[]).await;
    report.finds(&["token_expired"]);
}

fn good() -> String {
    token(&json!({}))
}
