//! Tokens, good and forged.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use ring::{hmac, signature};
use serde_json::{Value, json};

use super::*;

const SECRET: &str = "a secret of at least thirty-two bytes";

fn now() -> i64 {
    time::OffsetDateTime::now_utc().unix_timestamp()
}

fn claims() -> Value {
    json!({ "sub": "alice", "iss": "https://issuer", "aud": "slipway", "iat": now(), "exp": now() + 60 })
}

fn token(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
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

fn with(variables: &[(&str, &str)]) -> Result<Option<Verifier>, ConfigError> {
    let get = |name: &str| {
        let own = variables
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| (*value).to_owned());
        own.or_else(|| match name {
            "JWT_ISSUER" => Some("https://issuer".to_owned()),
            "JWT_AUDIENCE" => Some("slipway".to_owned()),
            _ => None,
        })
    };
    Verifier::from_env(Env::new(&get))
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
        by_secret().subject(&hs256(&claims())),
        Ok("alice".to_owned())
    );
    let mut audiences = claims();
    audiences["aud"] = json!(["other", "slipway"]);
    assert_eq!(
        by_secret().subject(&hs256(&audiences)),
        Ok("alice".to_owned())
    );
}

#[test]
fn every_claim_is_required_and_checked() {
    for claim in ["sub", "exp", "iss", "aud"] {
        let mut without = claims();
        without.as_object_mut().expect("an object").remove(claim);
        assert!(
            by_secret().subject(&hs256(&without)).is_err(),
            "without {claim}"
        );
    }
    for (claim, value) in [
        ("exp", json!(now() - 1)),
        ("exp", json!("soon")),
        ("nbf", json!(now() + 60)),
        ("iss", json!("https://evil")),
        ("iss", json!(["https://issuer"])),
        ("aud", json!("other")),
        ("aud", json!([])),
        ("sub", json!(7)),
        ("sub", Value::Null),
    ] {
        let mut wrong = claims();
        wrong[claim] = value.clone();
        assert!(
            by_secret().subject(&hs256(&wrong)).is_err(),
            "{claim} {value}"
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
        verifier.subject(&token(&json!({ "alg": "EdDSA" }), &claims(), sign)),
        Ok("alice".to_owned())
    );
    // Signed with the public key as if it were a secret: the classic confusion.
    for secret in [public.as_bytes(), pair.public_key().as_ref()] {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let forged = token(&json!({ "alg": "HS256" }), &claims(), |message| {
            hmac::sign(&key, message).as_ref().to_vec()
        });
        assert!(verifier.subject(&forged).is_err());
    }
    for algorithm in ["none", "None", "HS256", "RS256", "ES256", "HS512", ""] {
        assert!(
            verifier
                .subject(&token(&json!({ "alg": algorithm }), &claims(), sign))
                .is_err(),
            "{algorithm}"
        );
        assert!(
            verifier
                .subject(&token(&json!({ "alg": algorithm }), &claims(), |_| {
                    Vec::new()
                }))
                .is_err()
        );
    }
}

#[test]
fn what_must_be_understood_and_is_not_is_refused() {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let sign = |message: &[u8]| hmac::sign(&key, message).as_ref().to_vec();
    let header = json!({ "alg": "HS256", "crit": ["exp"], "exp": 1 });
    assert!(
        by_secret()
            .subject(&token(&header, &claims(), sign))
            .is_err()
    );
}

#[test]
fn ec_keys_verify() {
    let random = SystemRandom::new();
    let pkcs8 =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random)
        .expect("a key");
    // One line with two-character breaks, as consoles hold it.
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
        verifier.subject(&token(&json!({ "alg": "ES256" }), &claims(), sign)),
        Ok("alice".to_owned())
    );
    let tampered = token(&json!({ "alg": "ES256" }), &claims(), |message| {
        let mut signature: Vec<u8> = sign(message);
        signature[7] ^= 1;
        signature
    });
    assert!(verifier.subject(&tampered).is_err());
}

#[test]
fn rsa_keys_verify() {
    // A 2048-bit key made for this test alone, and a token signed with it by OpenSSL.
    let public = include_str!("testdata/rsa_public.pem");
    let private = include_str!("testdata/rsa_private.b64").replace('\n', "");
    let pair = signature::RsaKeyPair::from_pkcs8(&STANDARD.decode(private).expect("base64"))
        .expect("a key");
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
        verifier.subject(&token(&json!({ "alg": "RS256" }), &claims(), sign)),
        Ok("alice".to_owned())
    );
    assert!(
        verifier
            .subject(&token(&json!({ "alg": "RS512" }), &claims(), sign))
            .is_err()
    );
}

#[test]
fn bad_configurations_fail_at_init_and_name_the_variable() {
    for (variables, named) in [
        (
            &[("JWT_SECRET", SECRET), ("JWT_PUBLIC_KEY", "x")][..],
            "JWT_SECRET",
        ),
        (&[("JWT_SECRET", "short")], "JWT_SECRET"),
        (&[("JWT_PUBLIC_KEY", "nonsense")], "JWT_PUBLIC_KEY"),
        (
            &[(
                "JWT_PUBLIC_KEY",
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            )],
            "JWT_PUBLIC_KEY",
        ),
        (&[("JWT_SECRET", SECRET), ("JWT_ISSUER", "")], "JWT_ISSUER"),
        (
            &[("JWT_SECRET", SECRET), ("JWT_AUDIENCE", " ")],
            "JWT_AUDIENCE",
        ),
    ] {
        let error = with(variables).expect_err(named).to_string();
        assert!(error.contains(named), "{error}");
    }
    assert!(with(&[]).expect("no key is fine").is_none());
}

#[test]
fn an_rsa_key_that_could_verify_nothing_fails_at_init() {
    let short = include_str!("testdata/rsa_1024_public.pem");
    let error = with(&[("JWT_PUBLIC_KEY", short)]).expect_err("too short");
    assert!(
        error.to_string().contains("JWT_PUBLIC_KEY") && error.to_string().contains("2048"),
        "{error}"
    );

    let bits = |bytes: &[u8]| rsa::modulus_bits(bytes);
    // SEQUENCE { INTEGER 0x00ff01, … }, and the same with its lengths in more bytes.
    assert_eq!(bits(&[0x30, 8, 2, 3, 0, 0xff, 1, 2, 1, 3]), Some(16));
    assert_eq!(
        bits(&[0x30, 0x81, 9, 2, 0x81, 3, 0, 0x7f, 1, 2, 1, 3]),
        Some(15)
    );
    for cut in [
        &[][..],
        &[0x30],
        &[0x30, 8, 2, 3, 0],
        &[0x30, 0x81],
        &[0x30, 3, 2, 1, 0],
        &[0x30, 0xff, 0xff],
    ] {
        assert_eq!(bits(cut), None);
    }
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
        assert!(by_secret().subject(token).is_err());
    }
}
