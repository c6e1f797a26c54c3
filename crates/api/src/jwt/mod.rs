//! Verifying a token where no authorizer did: one configured key, whose kind alone fixes the algorithm.

mod provider;
mod rsa;

use std::ops::RangeInclusive;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use slipway_core::env::{ConfigError, Env};

/// Longer tokens are refused unread: API Gateway allows 10 KB for all headers together.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// RFC 7518, section 3.2: a key for HS256 must be at least as long as the hash.
const MIN_SECRET_BYTES: usize = 32;

/// RFC 7518, section 3.3, asks for 2048 at least; `ring` verifies up to 8192.
const RSA_BITS: RangeInclusive<usize> = 2048..=8192;

/// Checks signature, issuer, audience, expiry and not-before of tokens.
pub(crate) struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    /// One string (RFC 7519, section 4.1.1): the library would also take a list that holds the right one.
    #[serde(rename = "iss")]
    _iss: String,
}

impl Verifier {
    /// `None` where no key is configured.
    pub(crate) fn from_env(env: Env<'_>) -> Result<Option<Self>, ConfigError> {
        let (key, algorithm) = match (env.optional("JWT_PUBLIC_KEY"), env.optional("JWT_SECRET")) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(ConfigError::new(
                    "JWT_SECRET",
                    "and JWT_PUBLIC_KEY are both set; set only one",
                ));
            }
            (Some(pem), None) => public_key(&pem)?,
            (None, Some(secret)) if secret.len() < MIN_SECRET_BYTES => {
                return Err(ConfigError::new(
                    "JWT_SECRET",
                    "must be at least 32 bytes (RFC 7518, section 3.2)",
                ));
            }
            (None, Some(secret)) => (
                DecodingKey::from_secret(secret.as_bytes()),
                Algorithm::HS256,
            ),
        };
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[env.required("JWT_ISSUER")?]);
        validation.set_audience(&[env.required("JWT_AUDIENCE")?]);
        validation.set_required_spec_claims(&["sub", "exp", "iss", "aud"]);
        validation.validate_nbf = true;
        validation.leeway = 0;
        provider::install();
        Ok(Some(Self { key, validation }))
    }

    /// The token's `sub`, or a sentence for the client.
    pub(crate) fn subject(&self, token: &str) -> Result<String, &'static str> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err("The token is too long.");
        }
        match decode::<Claims>(token, &self.key, &self.validation) {
            // Extensions that must be understood, and are not (RFC 7515, section 4.1.11).
            Ok(token) if token.header.crit.is_some() => Err("The token is not valid."),
            Ok(token) => Ok(token.claims.sub),
            Err(error) => Err(match error.kind() {
                ErrorKind::ExpiredSignature => "The token has expired. Sign in again.",
                ErrorKind::ImmatureSignature => "The token is not valid yet.",
                ErrorKind::InvalidIssuer => "The token's issuer is not the one expected here.",
                ErrorKind::InvalidAudience => "The token is meant for another audience.",
                ErrorKind::MissingRequiredClaim(_) => "The token must have sub, exp, iss and aud.",
                _ => "The token is not valid.",
            }),
        }
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("algorithms", &self.validation.algorithms)
            .finish_non_exhaustive()
    }
}

/// Reads an RSA, EC (P-256, P-384) or Ed25519 public key.
fn public_key(pem: &str) -> Result<(DecodingKey, Algorithm), ConfigError> {
    // Consoles and templates hold one line: line breaks then come as two characters.
    let pem = pem.replace("\\n", "\n");
    if pem.contains("PRIVATE KEY") {
        return Err(ConfigError::new(
            "JWT_PUBLIC_KEY",
            "holds a private key; give the public half",
        ));
    }
    let pem = pem.as_bytes();
    if let Ok(key) = DecodingKey::from_rsa_pem(pem) {
        // Others would be taken here, and every token refused.
        let bits = key.try_get_as_bytes().ok().and_then(rsa::modulus_bits);
        if !bits.is_some_and(|bits| RSA_BITS.contains(&bits)) {
            return Err(ConfigError::new(
                "JWT_PUBLIC_KEY",
                "is an RSA key of fewer than 2048 or more than 8192 bits; make one of 2048 (RFC 7518, section 3.3)",
            ));
        }
        return Ok((key, Algorithm::RS256));
    }
    if let Ok(key) = DecodingKey::from_ed_pem(pem) {
        return Ok((key, Algorithm::EdDSA));
    }
    // An uncompressed point: one byte, then twice the field's length.
    let key = DecodingKey::from_ec_pem(pem).ok();
    let point = key
        .as_ref()
        .and_then(|key| key.try_get_as_bytes().ok())
        .map(<[u8]>::len);
    match (key, point) {
        (Some(key), Some(65)) => Ok((key, Algorithm::ES256)),
        (Some(key), Some(97)) => Ok((key, Algorithm::ES384)),
        _ => Err(ConfigError::new(
            "JWT_PUBLIC_KEY",
            "must be a PEM public key: RSA, EC (P-256 or P-384) or Ed25519",
        )),
    }
}

#[cfg(test)]
mod tests;
