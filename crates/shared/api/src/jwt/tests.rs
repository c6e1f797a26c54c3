//! Valid and forged tokens.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use ring::{hmac, signature};
use serde_json::{Value, json};

use super::*;

pub(super) const SECRET: &str = "a secret of at least thirty-two bytes";

/// The current time for all tokens.
const NOW: i64 = 1_800_000_000;

pub(super) fn subject(verifier: &Verifier, token: &str) -> Result<String, String> {
    let now = OffsetDateTime::from_unix_timestamp(NOW).expect("a time");
    let claims = verifier.claims(token, now)?;
    let subject = claims.get("sub").expect("a subject");
    Ok(subject.as_str().expect("a string").to_owned())
}

pub(super) fn claims() -> Value {
    json!({ "sub": "alice", "iss": "https://issuer", "aud": "slipway", "iat": NOW, "exp": NOW + 60 })
}

pub(super) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn token(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn hs256(claims: &Value) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    token(
        &json!({ "alg": "HS256", "typ": "JWT" }),
        claims,
        |message| hmac::sign(&key, message).as_ref().to_vec(),
    )
}

pub(super) fn with(variables: &[(&str, &str)]) -> Result<Option<Verifier>, ConfigError> {
    let defaults = [
        ("JWT_ISSUER", "https://issuer"),
        ("JWT_AUDIENCE", "slipway"),
    ];
    Verifier::from_env(&defaults.iter().chain(variables).copied().collect())
}

fn by_secret() -> Verifier {
    with(&[("JWT_SECRET", SECRET)])
        .expect("a configuration")
        .expect("a key")
}

fn pem(prefix: &[u8], key: &[u8]) -> String {
    let der = [prefix, key].concat();
    format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        STANDARD.encode(der)
    )
}

// SubjectPublicKeyInfo up to the key bits: RFC 8410 for Ed25519, RFC 5480 for P-256.
const ED25519_SPKI: &[u8] = &[
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
const P256_SPKI: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

#[test]
fn a_good_token_names_its_subject() {
    assert_eq!(
        subject(&by_secret(), &hs256(&claims())),
        Ok("alice".to_owned())
    );
    let mut audiences = claims();
    audiences["aud"] = json!(["other", "slipway"]);
    assert_eq!(
        subject(&by_secret(), &hs256(&audiences)),
        Ok("alice".to_owned())
    );
}

fn refusal(claims: &Value) -> String {
    subject(&by_secret(), &hs256(claims)).expect_err("refused")
}

#[test]
fn every_claim_is_required_and_checked_and_the_refusal_names_it() {
    for claim in ["exp", "iss", "aud"] {
        let mut changed = claims();
        changed.as_object_mut().expect("an object").remove(claim);
        let missing = refusal(&changed);
        assert!(missing.contains(&format!("no {claim} claim")), "{missing}");
        changed[claim] = Value::Null;
        assert_eq!(refusal(&changed), missing);
    }
    for (claim, value, said) in [
        ("exp", json!(NOW), "has expired"),
        ("exp", json!(NOW - 1), "has expired"),
        ("exp", json!(f64::from(1) / 2.0), "has expired"),
        (
            "exp",
            json!("soon"),
            "exp claim must be a number of seconds, not a string",
        ),
        ("nbf", json!(NOW + 61), "not valid yet: its nbf"),
        (
            "nbf",
            json!([NOW]),
            "nbf claim must be a number of seconds, not a list",
        ),
        ("iat", json!(NOW + 61), "not valid yet: its iat"),
        (
            "iat",
            json!({}),
            "iat claim must be a number of seconds, not an object",
        ),
        ("iss", json!("https://evil"), "issuer"),
        (
            "iss",
            json!(["https://issuer"]),
            "iss claim must be a string, not a list",
        ),
        ("aud", json!("other"), "audience"),
        ("aud", json!([]), "audience"),
        ("aud", json!(["other", 5]), "audience"),
        ("aud", json!({ "slipway": 1 }), "audience"),
    ] {
        let mut wrong = claims();
        wrong[claim] = value.clone();
        let refusal = refusal(&wrong);
        assert!(refusal.contains(said), "{claim} {value}: {refusal}");
    }
}

#[test]
fn clocks_may_differ_by_a_minute_but_not_about_the_end() {
    for (claim, value) in [
        ("nbf", json!(NOW + 60)),
        ("nbf", json!(null)),
        ("iat", json!(NOW + 60)),
        ("iat", json!(f64::from(1_800_000_059) + 0.5)),
        ("exp", json!(NOW + 1)),
        ("exp", json!(1e300)),
    ] {
        let mut fine = claims();
        fine[claim] = value.clone();
        let subject = subject(&by_secret(), &hs256(&fine));
        assert_eq!(subject, Ok("alice".to_owned()), "{claim} {value}");
    }
}

/// A client that cannot sign learns nothing from the response.
#[test]
fn before_the_signature_is_verified_every_refusal_is_the_same() {
    let mut expired = claims();
    expired["exp"] = json!(1);
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"another secret of thirty-two bytes");
    let by_another = |header: &Value, claims: &Value| {
        token(header, claims, |message| {
            hmac::sign(&key, message).as_ref().to_vec()
        })
    };
    for bad in [
        String::new(),
        "a.b.c".to_owned(),
        by_another(&json!({ "alg": "HS256" }), &claims()),
        by_another(&json!({ "alg": "HS256" }), &expired),
        by_another(&json!({ "alg": "HS256" }), &json!({})),
        by_another(&json!({ "alg": "HS256", "crit": ["x"] }), &claims()),
        by_another(&json!({ "alg": "RS256" }), &claims()),
        by_another(&json!({ "alg": "unknown" }), &claims()),
    ] {
        assert_eq!(
            subject(&by_secret(), &bad),
            Err(UNVERIFIED.to_owned()),
            "{bad}"
        );
    }
}

#[test]
fn the_key_fixes_the_algorithm_not_the_token() {
    let random = SystemRandom::new();
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key");
    let public = pem(ED25519_SPKI, pair.public_key().as_ref());
    let verifier = with(&[("JWT_PUBLIC_KEY", &public)])
        .expect("a configuration")
        .expect("a key");
    let sign = |message: &[u8]| pair.sign(message).as_ref().to_vec();
    assert_eq!(
        subject(
            &verifier,
            &token(&json!({ "alg": "EdDSA" }), &claims(), sign)
        ),
        Ok("alice".to_owned())
    );
    // Signed with the public key as an HMAC secret: the classic algorithm confusion.
    for secret in [public.as_bytes(), pair.public_key().as_ref()] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let forged = token(&json!({ "alg": "HS256" }), &claims(), |message| {
            hmac::sign(&key, message).as_ref().to_vec()
        });
        assert!(subject(&verifier, &forged).is_err());
    }
    for algorithm in ["none", "None", "HS256", "RS256", "ES256", "HS512", ""] {
        assert!(
            subject(
                &verifier,
                &token(&json!({ "alg": algorithm }), &claims(), sign)
            )
            .is_err(),
            "{algorithm}"
        );
        assert!(
            subject(
                &verifier,
                &token(&json!({ "alg": algorithm }), &claims(), |_| { Vec::new() })
            )
            .is_err()
        );
    }
}

#[test]
fn what_must_be_understood_and_is_not_is_refused() {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let sign = |message: &[u8]| hmac::sign(&key, message).as_ref().to_vec();
    let header = json!({ "alg": "HS256", "crit": ["exp"], "exp": 1 });
    assert!(subject(&by_secret(), &token(&header, &claims(), sign)).is_err());
}

#[test]
fn ec_keys_verify() {
    let random = SystemRandom::new();
    let pkcs8 =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
        .expect("a key");
    // One line with two-character line breaks (`\n`), as consoles store it.
    let public = pem(P256_SPKI, pair.public_key().as_ref()).replace('\n', "\\n");
    let verifier = with(&[("JWT_PUBLIC_KEY", &public)])
        .expect("a configuration")
        .expect("a key");
    let sign = |message: &[u8]| {
        pair.sign(&random, message)
            .expect("a signature")
            .as_ref()
            .to_vec()
    };
    assert_eq!(
        subject(
            &verifier,
            &token(&json!({ "alg": "ES256" }), &claims(), sign)
        ),
        Ok("alice".to_owned())
    );
    let tampered = token(&json!({ "alg": "ES256" }), &claims(), |message| {
        let mut signature: Vec<u8> = sign(message);
        signature[7] ^= 1;
        signature
    });
    assert!(subject(&verifier, &tampered).is_err());
}

/// A 2048-bit key made for these tests alone.
pub(super) fn rsa_pair() -> signature::RsaKeyPair {
    let private = include_str!("testdata/rsa_private.b64").replace('\n', "");
    let private = STANDARD.decode(private).expect("base64");
    signature::RsaKeyPair::from_pkcs8(&private).expect("a key")
}

#[test]
fn rsa_keys_verify() {
    let public = include_str!("testdata/rsa_public.pem");
    let pair = rsa_pair();
    let verifier = with(&[("JWT_PUBLIC_KEY", public)])
        .expect("a configuration")
        .expect("a key");
    let sign = |message: &[u8]| {
        let mut out = vec![0; pair.public().modulus_len()];
        pair.sign(
            &signature::RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message,
            &mut out,
        )
        .expect("a signature");
        out
    };
    assert_eq!(
        subject(
            &verifier,
            &token(&json!({ "alg": "RS256" }), &claims(), sign)
        ),
        Ok("alice".to_owned())
    );
    assert!(
        subject(
            &verifier,
            &token(&json!({ "alg": "RS512" }), &claims(), sign)
        )
        .is_err()
    );
}

#[test]
fn huge_and_mangled_tokens_are_refused() {
    let good = hs256(&claims());
    for token in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        &good[1..],
        &good[..good.len() - 1],
        &format!("{good}.x"),
        &"a".repeat(1 << 20),
    ] {
        assert!(subject(&by_secret(), token).is_err());
    }
}
