//! Verifies a token if no authorizer did: first the signature, then the claims.
//!
//! Until the signature is verified, every refusal has the same message, so that a client that
//! guesses learns nothing. After that, the client holds a token of the configured key's owner, and
//! the refusal names the wrong claim.

mod claims;
mod der;
mod jwks;
mod key;
mod provider;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};
use slipway_core::env::{ConfigError, Environment};
use time::OffsetDateTime;

pub(crate) use claims::not_a_string;

use claims::Expected;
use key::{Key, is_named};

/// Longer tokens are refused unread: API Gateway allows 10 KB for all headers together.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

const UNVERIFIED: &str = "The token cannot be verified: it is malformed, or not signed with the key and algorithm that are configured here.";

/// The used members of a token's header (RFC 7515, section 4.1). Until the signature is verified,
/// they only select keys.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<IgnoredAny>,
}

impl Header {
    fn of(token: &str) -> Option<Self> {
        let (header, _) = token.split_once('.')?;
        serde_json::from_slice(&key::base64url(header)?).ok()
    }
}

/// Checks signature, issuer, audience, expiry and not-before of tokens.
pub(crate) struct Verifier {
    keys: Vec<Key>,
    /// Returns whether a token's `kid` selects the key. A single configured key has no `kid`, and
    /// accepts tokens with any `kid`.
    by_kid: bool,
    expected: Expected,
}

impl Verifier {
    /// `None` where no key is configured.
    pub(crate) fn from_env(env: &Environment) -> Result<Option<Self>, ConfigError> {
        let public = env.optional("JWT_PUBLIC_KEY");
        let secret = env.optional("JWT_SECRET");
        let set = env.optional("JWT_KEYS");
        let both = |one, other| {
            Err(ConfigError::new(
                one,
                format!("and {other} are both set; set only one"),
            ))
        };
        let (keys, by_kid) = match (public, secret, set) {
            (None, None, None) => return Ok(None),
            (Some(pem), None, None) => (vec![Key::public(&pem)?], false),
            (None, Some(secret), None) => (vec![Key::secret(&secret)?], false),
            (None, None, Some(set)) => (jwks::read(&set)?, true),
            (Some(_), Some(_), _) => return both("JWT_SECRET", "JWT_PUBLIC_KEY"),
            (Some(_), None, Some(_)) => return both("JWT_KEYS", "JWT_PUBLIC_KEY"),
            (None, Some(_), Some(_)) => return both("JWT_KEYS", "JWT_SECRET"),
        };
        provider::install();
        Ok(Some(Self {
            keys,
            by_kid,
            expected: Expected::from_env(env)?,
        }))
    }

    /// The claims of a valid token, or an error message for the client.
    pub(crate) fn claims(
        &self,
        token: &str,
        now: OffsetDateTime,
    ) -> Result<Map<String, Value>, String> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err("The token is too long.".to_owned());
        }
        let header = Header::of(token).ok_or(UNVERIFIED)?;
        let claims = self.open(token, &header).ok_or(UNVERIFIED)?;
        // RFC 7515, section 4.1.11.
        if header.crit.is_some() {
            return Err(
                "The token's header has crit: extensions that are not understood here.".to_owned(),
            );
        }
        self.expected.check(&claims, now)?;
        Ok(claims)
    }

    /// The claims of a token that one of the keys signed, unchecked.
    fn open(&self, token: &str, header: &Header) -> Option<Map<String, Value>> {
        let kid = header.kid.as_ref().filter(|_| self.by_kid);
        self.keys
            .iter()
            .filter(|key| {
                is_named(key.algorithm, &header.alg) && (kid.is_none() || key.kid.as_ref() == kid)
            })
            .find_map(|key| key.open(token))
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let algorithms = self.keys.iter().map(|key| key.algorithm);
        f.debug_list().entries(algorithms).finish()
    }
}

#[cfg(test)]
mod jwks_tests;
#[cfg(test)]
mod key_tests;
#[cfg(test)]
mod tests;
