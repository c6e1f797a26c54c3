//! Verifying a token where no authorizer did: the signature first, then what the claims say.
//!
//! Until the signature is verified, every refusal has the same words, so that a client that guesses learns nothing.
//! After that, the client holds a token of the configured key's owner, and the refusal names the claim that is wrong.

mod claims;
mod der;
mod key;
mod provider;

use jsonwebtoken::decode_header;
use slipway_core::env::{ConfigError, Environment};
use time::OffsetDateTime;

use claims::Expected;
use key::Key;

/// Longer tokens are refused unread: API Gateway allows 10 KB for all headers together.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The claim whose value owns files.
const OWNER_CLAIM: &str = "sub";

const UNVERIFIED: &str = "The token cannot be verified: it is malformed, or not signed with the key and algorithm that are configured here.";

/// Checks signature, issuer, audience, expiry and not-before of tokens.
pub(crate) struct Verifier {
    keys: Vec<Key>,
    expected: Expected,
}

impl Verifier {
    /// `None` where no key is configured.
    pub(crate) fn from_env(env: &Environment) -> Result<Option<Self>, ConfigError> {
        let key = match (env.optional("JWT_PUBLIC_KEY"), env.optional("JWT_SECRET")) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(ConfigError::new(
                    "JWT_SECRET",
                    "and JWT_PUBLIC_KEY are both set; set only one",
                ));
            }
            (Some(pem), None) => Key::public(&pem)?,
            (None, Some(secret)) => Key::secret(&secret)?,
        };
        provider::install();
        Ok(Some(Self {
            keys: vec![key],
            expected: Expected::from_env(env)?,
        }))
    }

    /// The token's owner, or a sentence for the client.
    pub(crate) fn subject(&self, token: &str, now: OffsetDateTime) -> Result<String, String> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err("The token is too long.".to_owned());
        }
        let header = decode_header(token).map_err(|_| UNVERIFIED)?;
        let mut keys = self.keys.iter().filter(|key| key.algorithm == header.alg);
        let claims = keys.find_map(|key| key.open(token)).ok_or(UNVERIFIED)?;
        // RFC 7515, section 4.1.11.
        if header.crit.is_some() {
            return Err(
                "The token's header has crit: extensions that are not understood here.".to_owned(),
            );
        }
        self.expected.check(&claims, now)?;
        claims::text(&claims, OWNER_CLAIM).map(str::to_owned)
    }
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let algorithms = self.keys.iter().map(|key| key.algorithm);
        f.debug_list().entries(algorithms).finish()
    }
}

#[cfg(test)]
mod key_tests;
#[cfg(test)]
mod tests;
