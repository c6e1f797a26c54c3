//! Sets of keys: which keys count, which are skipped, and which stop the function; and rotation.

use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

use super::tests::{SECRET, b64, claims, rsa_pair, subject, token, with};
use super::*;

/// Signs with a private key.
type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// A key pair: its public half as a JWK, and tokens of it.
struct Pair {
    jwk: Value,
    algorithm: &'static str,
    sign: Sign,
}

impl Pair {
    fn named(mut self, kid: &str) -> Self {
        self.jwk["kid"] = json!(kid);
        self
    }

    fn token(&self, kid: Option<&str>) -> String {
        let mut header = json!({ "alg": self.algorithm });
        if let Some(kid) = kid {
            header["kid"] = json!(kid);
        }
        token(&header, &claims(), &self.sign)
    }
}

fn ed25519() -> Pair {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
    let pair = Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).expect("a key");
    let x = b64(pair.public_key().as_ref());
    Pair {
        jwk: json!({ "kty": "OKP", "crv": "Ed25519", "x": x }),
        algorithm: "EdDSA",
        sign: Box::new(move |message| pair.sign(message).as_ref().to_vec()),
    }
}

fn ec(curve: &str) -> Pair {
    let (signing, algorithm): (&'static EcdsaSigningAlgorithm, _) = match curve {
        "P-256" => (&ECDSA_P256_SHA256_FIXED_SIGNING, "ES256"),
        _ => (&ECDSA_P384_SHA384_FIXED_SIGNING, "ES384"),
    };
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(signing, &random).expect("a key");
    let pair = EcdsaKeyPair::from_pkcs8(signing, pkcs8.as_ref(), &random).expect("a key");
    let (x, y) = {
        let point = &pair.public_key().as_ref()[1..];
        point.split_at(point.len() / 2)
    };
    Pair {
        jwk: json!({ "kty": "EC", "crv": curve, "x": b64(x), "y": b64(y) }),
        algorithm,
        sign: Box::new(move |message| {
            let signature = pair.sign(&random, message).expect("a signature");
            signature.as_ref().to_vec()
        }),
    }
}

fn rsa() -> Pair {
    let pair: RsaKeyPair = rsa_pair();
    let public = ring::rsa::PublicKeyComponents::<Vec<u8>>::from(pair.public());
    Pair {
        jwk: json!({
            "kty": "RSA", "n": b64(&public.n), "e": b64(&public.e),
        }),
        algorithm: "RS256",
        sign: Box::new(move |message| {
            let mut out = vec![0; pair.public().modulus_len()];
            pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut out)
                .expect("a signature");
            out
        }),
    }
}

fn keys(text: &str) -> Result<Verifier, String> {
    with(&[("JWT_KEYS", text)])
        .map(|verifier| verifier.expect("a key"))
        .map_err(|error| error.to_string())
}

fn set(keys: &[&Value]) -> String {
    json!({ "keys": keys }).to_string()
}

fn verifier(jwks: &[&Value]) -> Verifier {
    keys(&set(jwks)).expect("a set of keys")
}

fn accepts(verifier: &Verifier, token: &str) -> bool {
    match subject(verifier, token) {
        Ok(user) => user == "alice",
        // The response reveals nothing about the configured keys.
        Err(refusal) => {
            assert_eq!(refusal, UNVERIFIED);
            false
        }
    }
}

#[test]
fn every_kind_of_key_verifies() {
    let pairs = [rsa(), ec("P-256"), ec("P-384"), ed25519()];
    for pair in &pairs {
        let alone = verifier(&[&pair.jwk]);
        assert!(accepts(&alone, &pair.token(None)), "{}", pair.algorithm);
        // A key without a name is not selected by one.
        assert!(!accepts(&alone, &pair.token(Some("a"))), "{}", pair.jwk);
        for other in pairs
            .iter()
            .filter(|other| other.algorithm != pair.algorithm)
        {
            assert!(!accepts(&alone, &other.token(None)));
        }
    }
    let all: Vec<&Value> = pairs.iter().map(|pair| &pair.jwk).collect();
    let all = verifier(&all);
    for pair in &pairs {
        assert!(accepts(&all, &pair.token(None)), "{}", pair.algorithm);
    }
}

/// The issuer may use either name, and a key with one name accepts tokens with the other: it is the
/// same algorithm.
#[test]
fn ed25519_has_two_names() {
    let pair = ed25519();
    for jwk in [
        pair.jwk.clone(),
        amended(&pair, &json!({ "alg": "EdDSA" })),
        amended(&pair, &json!({ "alg": "Ed25519" })),
    ] {
        let verifier = verifier(&[&jwk]);
        for (algorithm, good) in [
            ("EdDSA", true),
            ("Ed25519", true),
            ("Ed448", false),
            ("ed25519", false),
        ] {
            let token = token(&json!({ "alg": algorithm }), &claims(), &pair.sign);
            assert_eq!(accepts(&verifier, &token), good, "{jwk} {algorithm}");
        }
    }
}

#[test]
fn rotation() {
    let (old, new) = (ed25519().named("2026-01"), ed25519().named("2026-02"));
    let (of_old, of_new) = (old.token(Some("2026-01")), new.token(Some("2026-02")));
    let before = verifier(&[&old.jwk]);
    assert!(accepts(&before, &of_old) && !accepts(&before, &of_new));
    let during = verifier(&[&new.jwk, &old.jwk]);
    assert!(accepts(&during, &of_old) && accepts(&during, &of_new));
    let after = verifier(&[&new.jwk]);
    assert!(!accepts(&after, &of_old) && accepts(&after, &of_new));

    // A kid selects one key, and only that one.
    assert!(!accepts(&during, &old.token(Some("2026-02"))));
    assert!(!accepts(&during, &old.token(Some("2025-12"))));
    assert!(!accepts(&during, &old.token(Some(""))));
    // Without one, every key of the algorithm is tried.
    assert!(accepts(&during, &old.token(None)) && accepts(&during, &new.token(None)));
    assert!(!accepts(&after, &old.token(None)));
    assert!(!accepts(&during, &ed25519().token(None)));
}

#[test]
fn a_kid_does_not_choose_the_algorithm() {
    let (one, other) = (ed25519().named("a"), ec("P-256").named("b"));
    let both = verifier(&[&one.jwk, &other.jwk]);
    assert!(!accepts(&both, &one.token(Some("b"))));
    for algorithm in ["none", "HS256", "RS256", "ES256", "ES384"] {
        let header = json!({ "alg": algorithm, "kid": "a" });
        assert!(!accepts(&both, &token(&header, &claims(), &one.sign)));
    }
    // The public key as an HMAC secret, by its name.
    let x = one.jwk["x"].as_str().expect("x").as_bytes();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, x);
    let header = json!({ "alg": "HS256", "kid": "a" });
    let forged = token(&header, &claims(), |message| {
        ring::hmac::sign(&key, message).as_ref().to_vec()
    });
    assert!(!accepts(&both, &forged));
    // RFC 7517 lets keys of different types share a name.
    let shared = [ed25519().named("k"), ec("P-256").named("k")];
    let verifier = verifier(&[&shared[0].jwk, &shared[1].jwk]);
    for pair in &shared {
        assert!(accepts(&verifier, &pair.token(Some("k"))));
    }
}

fn amended(pair: &Pair, members: &Value) -> Value {
    let mut jwk = pair.jwk.clone();
    for (name, value) in members.as_object().expect("members") {
        jwk[name] = value.clone();
    }
    jwk
}

#[test]
fn keys_for_something_else_are_skipped() {
    let (good, other) = (ed25519(), ec("P-256"));
    let rsa = rsa();
    for skipped in [
        amended(&other, &json!({ "use": "enc" })),
        amended(&other, &json!({ "key_ops": ["deriveKey"] })),
        amended(&other, &json!({ "crv": "P-521" })),
        amended(&other, &json!({ "crv": "secp256k1" })),
        amended(&other, &json!({ "alg": "ES384" })),
        amended(&rsa, &json!({ "alg": "RSA-OAEP", "use": "enc" })),
        amended(&rsa, &json!({ "alg": "RS512" })),
        amended(&rsa, &json!({ "alg": "PS256" })),
        amended(&rsa, &json!({ "alg": "RSA1_5", "n": "AAAA" })),
        amended(&good, &json!({ "crv": "X25519" })),
        amended(&good, &json!({ "crv": "Ed448" })),
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "pub": "AA" }),
    ] {
        let alone = keys(&set(&[&skipped]))
            .map(|_| ())
            .expect_err("no usable key");
        assert!(alone.contains("no key that verifies signatures"), "{alone}");
        let verifier = verifier(&[&skipped, &good.jwk]);
        assert!(accepts(&verifier, &good.token(None)));
        for pair in [&other, &rsa] {
            assert!(!accepts(&verifier, &pair.token(None)), "{skipped}");
        }
    }
    for (pair, more) in [
        (
            &good,
            json!({ "alg": "EdDSA", "use": "sig", "key_ops": ["verify"], "x5c": ["a"], "unknown": { "d": 1 } }),
        ),
        (&good, json!({ "alg": "Ed25519", "use": null })),
        (&other, json!({ "alg": "ES256" })),
        (&rsa, json!({ "alg": "RS256" })),
    ] {
        let verifier = verifier(&[&amended(pair, &more)]);
        assert!(accepts(&verifier, &pair.token(None)));
    }
}

fn fails(text: &str, said: &str) {
    let error = keys(text).map(|_| ()).expect_err(text);
    assert!(error.starts_with("configuration: JWT_KEYS "), "{error}");
    assert!(error.contains(said), "{text}: {error}");
}

#[test]
fn a_document_that_is_not_a_set_fails_at_init_with_a_sentence() {
    let good = ed25519();
    let fits = set(&[&good.jwk; 16]);
    let padded = format!("{}{}", set(&[&good.jwk]), " ".repeat(3000));
    assert!(keys(&padded).is_ok(), "spaces around it do not count");
    let url = "https://issuer/.well-known/jwks.json";
    for text in ["nonsense", url, "[]", "{}", &(fits + "x")] {
        fails(text, "must be a JWK Set");
    }
    fails(&good.jwk.to_string(), "must be a JWK Set");
    fails(
        &json!({ "keys": good.jwk }).to_string(),
        "must be a JWK Set",
    );
    fails(&set(&[]), "no key that verifies");
    let long = amended(&good, &json!({ "x5c": ["x".repeat(2048)] }));
    fails(&set(&[&long]), "at most 2048");
    let small = json!({ "kty": "x" });
    fails(&set(&[&small; 17]), "17 keys, and at most 16");
}

#[test]
fn a_key_that_cannot_work_or_is_secret_fails_at_init_with_a_sentence() {
    let (good, rsa, p256, p384) = (ed25519(), rsa(), ec("P-256"), ec("P-384"));
    // The second of two keys, the first of which is fine.
    let check =
        |jwk: &Value, said: &str| fails(&set(&[&good.jwk, jwk]), &format!("keys[1] {said}"));
    for jwk in [
        json!({ "kty": "oct" }),
        json!({ "kty": "oct", "k": "AAAA" }),
        json!({ "kty": "oct", "k": "AAAA", "use": "enc" }),
        json!({ "kty": "unknown", "k": "AAAA" }),
    ] {
        check(&jwk, "is a symmetric key");
    }
    for secret in ["d", "p", "q", "dp", "dq", "qi", "oth"] {
        for value in [json!("AAAA"), json!(5)] {
            check(
                &amended(&rsa, &json!({ secret: value })),
                "is a private key",
            );
            let unused = json!({ secret: value, "use": "enc", "kty": "unknown" });
            check(&amended(&good, &unused), "is a private key");
        }
    }
    check(&json!("key"), "is not a JWK");
    check(&json!({}), "is not a JWK");
    let twice = r#"{"keys": [{"kty": "OKP", "kty": "oct"}]}"#;
    fails(twice, "keys[0] is not a JWK");
    let even: Vec<u8> = [vec![0xff; 255], vec![0xfe]].concat();
    for (pair, members, said) in [
        (&good, json!({ "kty": null }), "is not a JWK"),
        (&good, json!({ "kid": 5 }), "is not a JWK"),
        (&good, json!({ "x": null }), "is a key without x"),
        (&good, json!({ "x": "a+b/" }), "is a key without x"),
        (&good, json!({ "x": "AAAA" }), "is an Ed25519 key whose x"),
        (&p256, json!({ "y": "AAAA" }), "is an EC key whose x or y"),
        (
            &p256,
            json!({ "crv": "P-384" }),
            "is an EC key whose x or y",
        ),
        (&p384, json!({ "y": null }), "is an EC key without y"),
        (&rsa, json!({ "n": null }), "is an RSA key without n"),
        (
            &rsa,
            json!({ "n": b64(&[0xff; 128]) }),
            "is an RSA key of fewer than 2048",
        ),
        (
            &rsa,
            json!({ "n": b64(&even) }),
            "is an RSA key whose n is even",
        ),
        (&rsa, json!({ "e": null }), "is an RSA key without e"),
    ] {
        check(&amended(pair, &members), said);
    }
    for e in [&[][..], &[1], &[4], &[2, 0, 0, 0, 1], &[1; 40]] {
        check(
            &amended(&rsa, &json!({ "e": b64(e) })),
            "is an RSA key whose e",
        );
    }
}

#[test]
fn sixteen_keys_are_fine_and_only_one_variable_is() {
    let pairs: Vec<Pair> = (0..16).map(|_| ed25519()).collect();
    let jwks: Vec<&Value> = pairs.iter().map(|pair| &pair.jwk).collect();
    let verifier = verifier(&jwks);
    assert!(accepts(&verifier, &pairs[15].token(None)));
    let text = set(&jwks[..1]);
    for other in ["JWT_SECRET", "JWT_PUBLIC_KEY"] {
        let both = with(&[("JWT_KEYS", &text), (other, SECRET)]);
        let error = both.map(|_| ()).expect_err(other).to_string();
        assert!(
            error.contains(other) && error.contains("JWT_KEYS"),
            "{error}"
        );
    }
    let blank = with(&[("JWT_KEYS", " "), ("JWT_SECRET", SECRET)]).expect("blank is unset");
    assert!(blank.is_some());
}

proptest! {
    #[test]
    fn no_set_panics(text in "[^\\s].{0,60}", x in proptest::collection::vec(any::<u8>(), 0..70), kty in "RSA|EC|OKP|oct", crv in "P-256|P-384|Ed25519|x") {
        let _ = keys(&text);
        let jwk = json!({ "kty": kty, "crv": crv, "x": b64(&x), "y": b64(&x), "n": b64(&x), "e": b64(&x) });
        if let Ok(verifier) = keys(&set(&[&jwk])) {
            for algorithm in ["RS256", "ES256", "ES384", "EdDSA"] {
                let forged = token(&json!({ "alg": algorithm }), &claims(), |_| x.clone());
                prop_assert!(subject(&verifier, &forged).is_err());
            }
        }
    }
}
