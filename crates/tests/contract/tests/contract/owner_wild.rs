//! Random authorizers and tokens: the owner is exactly the string of the claim, or the request is
//! refused.

use proptest::collection::btree_map;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use slipway_core::ObjectKey;
use tokio::runtime::Runtime;

use crate::world::{App, basics, offline};
use slipway_emulators::gateway::GatewayEvent;
use slipway_testkit::{claims, signed_token};

const CLAIM: &str = "org_id";

/// Values that an identity provider or a Lambda authorizer may write, and some that it should not.
fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        3 => "[a-z0-9|/~.]{1,12}".prop_map(Value::from),
        2 => any::<String>().prop_map(Value::from),
        1 => select(vec!["null", "<nil>", "[a b]", "map[id:1]", " null "]).prop_map(Value::from),
        1 => (250_usize..260).prop_map(|length| "x".repeat(length).into()),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!(["team-7"])),
        1 => Just(json!({ CLAIM: "team-7", "id": "team-7" })),
    ]
}

fn members() -> impl Strategy<Value = Value> {
    let name = select(vec![CLAIM, "sub", "org", "ORG_ID", "claims", "principalId"]);
    prop_oneof![
        6 => btree_map(name, value(), 0..5).prop_map(|members| json!(members)),
        1 => value(),
    ]
}

/// The owner of a value, or the status of the error.
fn owner(value: Option<&Value>) -> Result<String, u16> {
    let text = value.and_then(Value::as_str);
    let text = text.filter(|text| (1..=255).contains(&text.len()) && !text.contains('\0'));
    text.map(str::to_owned).ok_or(403)
}

/// Whether a claim in the text form of an HTTP API is one value: not null, a list or an object.
fn is_single(claim: &Value) -> bool {
    let text = claim.as_str().unwrap_or_default().trim();
    !["null", "<nil>"].contains(&text) && !["[", "{", "map["].iter().any(|it| text.starts_with(it))
}

struct Asking {
    app: App,
    runtime: Runtime,
}

impl Asking {
    fn new(app: App) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread();
        Self {
            app,
            runtime: { runtime }.enable_time().build().unwrap(),
        }
    }

    /// The owner of the presigned key, or the status of the error, which is validated against
    /// `openapi.yaml`.
    fn ask(&self, with: impl FnOnce(GatewayEvent) -> GatewayEvent) -> Result<String, u16> {
        let body = json!({ "fileName": "a.txt", "contentType": "text/plain" });
        let event = GatewayEvent::new("POST", "/presign-upload").json(&body);
        let answer = self.runtime.block_on(self.app.send(with(event)));
        if answer.status != 200 {
            return Err(answer.status);
        }
        let key = answer.json["objectKey"].as_str().unwrap();
        Ok(ObjectKey::parse(key).unwrap().owner().as_str().to_owned())
    }
}

#[test]
fn any_authorizer_vouches_for_its_claim_or_for_nobody() {
    let mut env = basics("http://127.0.0.1:9");
    env.remove("JWT_SECRET");
    env.insert("OWNER_CLAIM".to_owned(), CLAIM.to_owned());
    let asking = Asking::new(App::new(env));
    let jwt = prop::option::of(members());
    let lambda = prop::option::of(members());
    proptest!(ProptestConfig::with_cases(500), |(jwt in jwt, lambda in lambda, other in value())| {
        let mut authorizer = json!({ "other": other, "principalId": "alice", CLAIM: "team-7" });
        if let Some(claims) = &jwt {
            authorizer["jwt"] = json!({ "claims": claims, "scopes": null });
        }
        if let Some(context) = &lambda {
            authorizer["lambda"] = context.clone();
        }
        let vouched: Vec<&Value> = [&jwt, &lambda].into_iter().flatten().filter(|it| it.is_object()).collect();
        let expected = if vouched.is_empty() {
            Err(401)
        } else {
            let is_token = |it: &Value| jwt.as_ref().is_some_and(|jwt| std::ptr::eq(jwt, it));
            owner(vouched.iter().find_map(|it| {
                let claim = it.get(CLAIM).filter(|claim| !claim.is_null())?;
                (!is_token(it) || is_single(claim)).then_some(claim)
            }))
        };
        let shown = authorizer.to_string();
        prop_assert_eq!(asking.ask(|event| event.authorizer(authorizer)), expected, "{}", shown);
    });
}

#[test]
fn any_claims_that_are_signed_name_that_owner_or_none() {
    let asking = Asking::new(offline(&[("OWNER_CLAIM", CLAIM)]));
    proptest!(ProptestConfig::with_cases(500), |(more in members())| {
        let mut claims = claims("alice");
        for (name, value) in more.as_object().into_iter().flatten() {
            claims[name] = value.clone();
        }
        let expected = owner(claims.get(CLAIM));
        let token = signed_token(&claims);
        let found = asking.ask(|event| event.header("authorization", &format!("Bearer {token}")));
        prop_assert_eq!(found, expected, "{}", claims);
    });
}
