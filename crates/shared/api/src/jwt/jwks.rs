//! `JWT_KEYS`: several public keys as an inline JWK Set (RFC 7517), so that an issuer can rotate
//! its key.
//!
//! The set is read once, at init, and never fetched. A function that verifies tokens therefore
//! needs no network, and authentication does not depend on another server. To rotate a key, deploy
//! the old and the new key together, sign with the new one, and deploy without the old one when its
//! last token has expired.
//!
//! Issuers also publish keys for encryption, or for algorithms that we do not verify. Those are
//! skipped, so that a published set can be pasted unchanged. Secrets are different: a private key
//! or a symmetric one (`oct`) in this variable is likely to leak, so the function does not start.

use jsonwebtoken::Algorithm;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use slipway_core::env::ConfigError;

use super::key::{Curve, Key, is_named};

/// Lambda allows 4 KB for all variables of a function together.
const MAX_BYTES: usize = 2048;

/// A token without `kid` is tried against every key of its algorithm, so their number bounds the
/// work.
const MAX_KEYS: usize = 16;

#[derive(Deserialize)]
struct Set {
    keys: Vec<Box<RawValue>>,
}

/// One key. A duplicate member is an error, so that neither value is silently ignored.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    // The members that only private and symmetric keys have.
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

/// The keys of `JWT_KEYS` that verify signatures: at least one.
pub(super) fn read(text: &str) -> Result<Vec<Key>, ConfigError> {
    parse(text.trim()).map_err(|problem| ConfigError::new("JWT_KEYS", problem))
}

fn parse(text: &str) -> Result<Vec<Key>, String> {
    if text.len() > MAX_BYTES {
        return Err(format!(
            "has {} bytes, and at most {MAX_BYTES} are allowed; leave out certificates (x5c) and old keys",
            text.len()
        ));
    }
    let set: Set = serde_json::from_str(text).map_err(|_| {
        "must be a JWK Set (RFC 7517): the JSON object {\"keys\": [ … ]} itself, not its URL and not a key alone"
    })?;
    if set.keys.len() > MAX_KEYS {
        return Err(format!(
            "has {} keys, and at most {MAX_KEYS} are allowed; leave out old ones",
            set.keys.len()
        ));
    }
    let mut keys = Vec::new();
    for (at, jwk) in set.keys.iter().enumerate() {
        let key = serde_json::from_str::<Jwk>(jwk.get())
            .map_err(
                |_| "is not a JWK: kty is missing, or a member is of the wrong type or given twice",
            )
            .and_then(|jwk| jwk.key());
        keys.extend(key.map_err(|problem| format!("keys[{at}] {problem}"))?);
    }
    if keys.is_empty() {
        return Err("has no key that verifies signatures: RSA for RS256, EC on P-256 or P-384 for ES256 or ES384, or \
                    Ed25519 for EdDSA, and not for encryption (use: enc)"
            .to_owned());
    }
    Ok(keys)
}

impl Jwk {
    /// Returns `None` for a key with another use.
    fn key(&self) -> Result<Option<Key>, &'static str> {
        if self.kty == "oct" || self.k.is_some() {
            return Err("is a symmetric key (oct); give public keys, or one secret in JWT_SECRET");
        }
        if self.is_private() {
            return Err("is a private key; give the public half, without d");
        }
        if !self.verifies() {
            return Ok(None);
        }
        let algorithm = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Algorithm::RS256,
            ("EC", Some("P-256")) => Algorithm::ES256,
            ("EC", Some("P-384")) => Algorithm::ES384,
            ("OKP", Some("Ed25519")) => Algorithm::EdDSA,
            _ => return Ok(None),
        };
        // Check the algorithm before the key is parsed, so that a key for another algorithm may
        // have any form.
        let named = self.alg.as_deref();
        if !named.is_none_or(|name| is_named(algorithm, name)) {
            return Ok(None);
        }
        let key = match algorithm {
            Algorithm::RS256 => Key::rsa_components(&self.n()?, &self.e()?)?,
            Algorithm::ES256 => Key::ec_coordinates(Curve::P256, &self.x()?, &self.y()?)?,
            Algorithm::ES384 => Key::ec_coordinates(Curve::P384, &self.x()?, &self.y()?)?,
            _ => Key::ed25519(&self.x()?)?,
        };
        Ok(Some(key.named(self.kid.clone())))
    }

    fn is_private(&self) -> bool {
        let parts = [
            &self.d, &self.p, &self.q, &self.dp, &self.dq, &self.qi, &self.oth,
        ];
        parts.iter().any(|part| part.is_some())
    }

    fn verifies(&self) -> bool {
        let operations = self.key_ops.as_deref();
        self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && operations.is_none_or(|all| all.iter().any(|one| one == "verify"))
    }

    fn n(&self) -> Result<Vec<u8>, &'static str> {
        bytes(self.n.as_deref()).ok_or("is an RSA key without n in base64url")
    }

    fn e(&self) -> Result<Vec<u8>, &'static str> {
        bytes(self.e.as_deref()).ok_or("is an RSA key without e in base64url")
    }

    fn x(&self) -> Result<Vec<u8>, &'static str> {
        bytes(self.x.as_deref()).ok_or("is a key without x in base64url")
    }

    fn y(&self) -> Result<Vec<u8>, &'static str> {
        bytes(self.y.as_deref()).ok_or("is an EC key without y in base64url")
    }
}

fn bytes(text: Option<&str>) -> Option<Vec<u8>> {
    super::key::base64url(text?)
}
