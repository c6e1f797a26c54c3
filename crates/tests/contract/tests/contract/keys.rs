//! `JWT_KEYS`: requests during a rotation of keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use serde_json::{Value, json};
use slipway_api::Identity;
use slipway_core::env::Environment;

use crate::world::{App, amended, basics};
use slipway_emulators::gateway::GatewayEvent;
use slipway_testkit::claims;

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A key of the issuer.
struct Issuer {
    kid: &'static str,
    pair: Ed25519KeyPair,
}

impl Issuer {
    fn new(kid: &'static str) -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap();
        Self { kid, pair }
    }

    fn jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": self.kid, "x": x })
    }

    fn token(&self, kid: Option<&str>) -> String {
        let mut header = json!({ "alg": "EdDSA", "typ": "JWT" });
        if let Some(kid) = kid {
            header["kid"] = kid.into();
        }
        let text = format!("{}.{}", part(&header), part(&claims("alice")));
        let signature = self.pair.sign(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn with_keys(keys: &[Value]) -> App {
    let mut env = basics("http://127.0.0.1:9");
    env.remove("JWT_SECRET");
    let set = json!({ "keys": keys }).to_string();
    App::new(amended(env, &[("JWT_KEYS", &set)]))
}

/// Whether a request with this token is accepted. Otherwise it gets a 401.
async fn accepts(app: &App, token: &str) -> bool {
    let body = json!({ "fileName": "a.txt", "contentType": "text/plain" });
    let event = GatewayEvent::new("POST", "/presign-upload")
        .json(&body)
        .header("authorization", &format!("Bearer {token}"));
    let answer = app.send(event).await;
    if answer.status == 401 {
        answer.refused(401, "unauthenticated");
        return false;
    }
    let key = answer.expect(200)["objectKey"].as_str().unwrap().to_owned();
    assert!(key.starts_with("alice/"), "{key}");
    true
}

#[tokio::test]
async fn a_key_is_rotated_without_a_moment_in_which_people_are_signed_out() {
    let (old, new) = (Issuer::new("2026-10"), Issuer::new("2026-11"));
    let (of_old, of_new) = (old.token(Some(old.kid)), new.token(Some(new.kid)));
    // The new key is deployed first. Then the issuer signs with it, and the old key is removed when
    // its last token has expired.
    for (keys, takes_old, takes_new) in [
        (vec![old.jwk()], true, false),
        (vec![old.jwk(), new.jwk()], true, true),
        (vec![new.jwk()], false, true),
    ] {
        let app = with_keys(&keys);
        assert_eq!(accepts(&app, &of_old).await, takes_old, "{keys:?}");
        assert_eq!(accepts(&app, &of_new).await, takes_new, "{keys:?}");
        assert_eq!(accepts(&app, &old.token(None)).await, takes_old, "{keys:?}");
        // The key id selects the key, so another issuer's key is not used.
        assert!(!accepts(&app, &old.token(Some(new.kid))).await);
        assert!(!accepts(&app, &new.token(Some("unknown"))).await);
        assert!(!accepts(&app, &Issuer::new("x").token(Some(new.kid))).await);
        assert!(!accepts(&app, &Issuer::new("x").token(None)).await);
    }
}

/// A key in the format in which Supabase Auth publishes it, and a token as Supabase signs it.
#[tokio::test]
async fn es256_as_supabase_signs() {
    let random = SystemRandom::new();
    let signing = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(signing, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(signing, pkcs8.as_ref(), &random).unwrap();
    let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
    let kid = "5d5eba15-0b4f-4c41-8f8d-a8d0e3b1a3a5";
    let key = json!({
        "alg": "ES256", "crv": "P-256", "ext": true, "key_ops": ["verify"], "kid": kid, "kty": "EC", "use": "sig",
        "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
    });
    let app = with_keys(&[key]);
    let mut claims = claims("alice");
    claims["role"] = "authenticated".into();
    claims["app_metadata"] = json!({ "provider": "email" });
    let header = json!({ "alg": "ES256", "kid": kid, "typ": "JWT" });
    let text = format!("{}.{}", part(&header), part(&claims));
    let signature = pair.sign(&random, text.as_bytes()).unwrap();
    let token = format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature));
    assert!(accepts(&app, &token).await);
    assert!(!accepts(&app, &token[..token.len() - 4]).await);
}

#[test]
fn exactly_one_kind_of_key_may_be_configured() {
    let key = json!({ "keys": [Issuer::new("a").jwk()] }).to_string();
    let check = |variables: &[(&str, &str)]| {
        let mut env = basics("http://127.0.0.1:9");
        env.remove("JWT_SECRET");
        let env: Environment = amended(env, variables).into_iter().collect();
        Identity::from_env(&env).map(drop)
    };
    let secret = slipway_testkit::JWT_SECRET;
    check(&[("JWT_KEYS", &key)]).unwrap();
    check(&[
        ("JWT_KEYS", &key),
        ("JWT_SECRET", ""),
        ("JWT_PUBLIC_KEY", " "),
    ])
    .unwrap();
    for bad in [
        &[("JWT_KEYS", key.as_str()), ("JWT_SECRET", secret)][..],
        &[("JWT_KEYS", &key), ("JWT_PUBLIC_KEY", "x")],
        &[("JWT_KEYS", &key), ("JWT_ISSUER", "")],
        &[("JWT_KEYS", "{}")],
        &[("JWT_KEYS", r#"{"keys": []}"#)],
        &[("JWT_KEYS", r#"{"keys": [{"kty": "oct", "k": "AAAA"}]}"#)],
    ] {
        check(bad).unwrap_err();
    }
}
