//! Tokens that the functions under test accept, signed with one shared secret.

use ring::hmac;
use serde_json::Value;
use slipway_emulators::{capture, token};

/// `JWT_SECRET` of the functions under test.
pub const JWT_SECRET: &str = "a secret of the tests, of 32 bytes and more";

/// `JWT_ISSUER` of the functions under test.
pub const JWT_ISSUER: &str = "https://issuer.test";

/// `JWT_AUDIENCE` of the functions under test.
pub const JWT_AUDIENCE: &str = "slipway-tests";

/// A valid token for `user`. It expires after ten minutes.
#[must_use]
pub fn token(user: &str) -> String {
    signed_token(&claims(user))
}

/// The claims of a valid token for `user`.
#[must_use]
pub fn claims(user: &str) -> Value {
    token::claims(user, JWT_ISSUER, JWT_AUDIENCE, 600)
}

/// A token with `claims`, signed with [`JWT_SECRET`] (HS256).
#[must_use]
pub fn signed_token(claims: &Value) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, JWT_SECRET.as_bytes());
    let token = token::signed("HS256", claims, |message| {
        hmac::sign(&key, message).as_ref().to_vec()
    });
    // The signature alone must not be logged either.
    if let Some((_, signature)) = token.rsplit_once('.') {
        capture::secret(signature);
    }
    token
}
