//! Identifies the caller by one claim of a verified token, and by nothing else.

use std::borrow::Cow;

use slipway_core::env::{ConfigError, Environment};
use slipway_core::{Code, Error, UserId};
use time::OffsetDateTime;

use crate::event::Event;
use crate::jwt::Verifier;
use crate::owner::OwnerClaim;

/// The source of the caller's identity: configured keys or an authorizer in front of the function,
/// never both. There is no default user, and authentication cannot be switched off.
///
/// The caller of the function writes `requestContext.authorizer`. Behind API Gateway with an
/// authorizer, that caller is API Gateway itself. Anywhere else it may be the client: a function
/// URL, a test tool or a local emulator passes on what it receives. A configured key means that no
/// authorizer is expected, so the field is then ignored.
#[derive(Debug)]
pub struct Identity {
    verifier: Option<Verifier>,
    owner_claim: OwnerClaim,
}

impl Identity {
    /// Reads `JWT_PUBLIC_KEY`, `JWT_SECRET` or `JWT_KEYS`, `JWT_ISSUER` and `JWT_AUDIENCE`, and
    /// `OWNER_CLAIM`.
    ///
    /// Without a key, only an authorizer in front of the function can authenticate a caller.
    pub fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            verifier: Verifier::from_env(env)?,
            owner_claim: OwnerClaim::from_env(env)?,
        })
    }

    /// The caller: from the token if a key is configured, otherwise from the authorizer's claims.
    pub(crate) fn user(&self, event: &Event<'_>) -> Result<UserId, Error> {
        let claim = match &self.verifier {
            Some(verifier) => {
                let header = authorization(event)?;
                let token = bearer_token(&header)?;
                let mut claims = verifier
                    .claims(token, OffsetDateTime::now_utc())
                    .map_err(unauthenticated)?;
                claims
                    .remove(self.owner_claim.name())
                    .unwrap_or_default()
            }
            None => event.verified_claim(&self.owner_claim).ok_or_else(|| {
                unauthenticated("No authorizer vouched for this request, and no key is configured to verify its token.")
            })?,
        };
        self.owner_claim.owner(claim)
    }
}

fn missing() -> Error {
    unauthenticated("Send the header Authorization: Bearer <token>.")
}

fn authorization(event: &Event<'_>) -> Result<String, Error> {
    let mut values = event.header("authorization").into_iter();
    let value = values.next().ok_or_else(missing)?;
    if values.next().is_some() {
        return Err(unauthenticated(
            "Send one Authorization header, not several.",
        ));
    }
    Ok(value)
}

fn bearer_token(header: &str) -> Result<&str, Error> {
    let (scheme, token) = header.split_once(' ').ok_or_else(missing)?;
    if scheme.eq_ignore_ascii_case("bearer") {
        Ok(token.trim())
    } else {
        Err(missing())
    }
}

fn unauthenticated(message: impl Into<Cow<'static, str>>) -> Error {
    Error::new(Code::Unauthenticated, message)
}
