//! Keys as issuers and consoles provide them, and keys that could verify nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature;
use serde_json::json;

use super::tests::{SECRET, claims, subject, token, with};

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
}

#[test]
fn keys_that_could_verify_nothing_fail_at_init_with_a_sentence() {
    let one = include_str!("testdata/rsa_public.pem");
    let two = format!("{one}{one}");
    let mixed = format!("{one}{}", include_str!("testdata/ec_secp256k1.pem"));
    for (key, said) in [
        (include_str!("testdata/ec_secp256k1.pem"), "P-256 and P-384"),
        (
            include_str!("testdata/ec_brainpoolP256r1.pem"),
            "P-256 and P-384",
        ),
        (
            include_str!("testdata/ec_brainpoolP384r1.pem"),
            "P-256 and P-384",
        ),
        (include_str!("testdata/ec_secp521r1.pem"), "P-256 and P-384"),
        (include_str!("testdata/ec_explicit.pem"), "P-256 and P-384"),
        (include_str!("testdata/ec_compressed.pem"), "compressed"),
        (
            include_str!("testdata/rsa_pss.pem"),
            "must be a PEM public key",
        ),
        (
            include_str!("testdata/x25519.pem"),
            "must be a PEM public key",
        ),
        (
            include_str!("testdata/ed448.pem"),
            "must be a PEM public key",
        ),
        (&two, "more than one PEM block"),
        (&mixed, "more than one PEM block"),
        (&one[..one.len() / 2], "must be a PEM public key"),
        (
            "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----",
            "must be a PEM public key",
        ),
        ("-----BEGIN ", "must be a PEM public key"),
    ] {
        let error = with(&[("JWT_PUBLIC_KEY", key)]).expect_err(key).to_string();
        assert!(
            error.starts_with("configuration: JWT_PUBLIC_KEY "),
            "{error}"
        );
        assert!(error.contains(said), "{key}: {error}");
    }
}

/// Forms in which issuers and consoles provide a key: a certificate, PKCS #1, one line, spaces for
/// line breaks, text around it.
#[test]
fn one_key_has_many_forms() {
    let pem = include_str!("testdata/rsa_public.pem");
    let private = include_str!("testdata/rsa_private.b64").replace('\n', "");
    let pair = signature::RsaKeyPair::from_pkcs8(&STANDARD.decode(private).expect("base64"))
        .expect("a key");
    let token = token(&json!({ "alg": "RS256" }), &claims(), |message| {
        let mut out = vec![0; pair.public().modulus_len()];
        pair.sign(
            &signature::RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            message,
            &mut out,
        )
        .expect("a signature");
        out
    });
    for form in [
        pem.to_owned(),
        pem.replace('\n', "\r\n"),
        pem.replace('\n', "\\n"),
        pem.replace('\n', "\\r\\n"),
        pem.replace('\n', " "),
        format!("\"{pem}\""),
        format!("# the issuer's key\n{pem}\n"),
        include_str!("testdata/rsa_pkcs1.pem").to_owned(),
        include_str!("testdata/rsa_certificate.pem").to_owned(),
    ] {
        let verifier = with(&[("JWT_PUBLIC_KEY", &form)])
            .expect("a configuration")
            .expect("a key");
        assert_eq!(subject(&verifier, &token), Ok("alice".to_owned()), "{form}");
    }
}

proptest! {
    #[test]
    fn no_key_panics(der in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..300, byte: u8) {
        let wrap = |der: &[u8], label: &str| format!("-----BEGIN {label}-----\n{}\n-----END {label}-----", STANDARD.encode(der));
        for label in ["PUBLIC KEY", "CERTIFICATE", "RSA PUBLIC KEY"] {
            let _ = with(&[("JWT_PUBLIC_KEY", &wrap(&der, label))]);
        }
        let body: String = include_str!("testdata/ec_secp256k1.pem").lines().filter(|line| !line.starts_with('-')).collect();
        let mut der = STANDARD.decode(body).expect("base64");
        let at = at % der.len();
        der[at] = byte;
        let _ = with(&[("JWT_PUBLIC_KEY", &wrap(&der, "PUBLIC KEY"))]);
    }
}
