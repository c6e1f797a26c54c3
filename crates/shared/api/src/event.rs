//! Parses events of API Gateway and function URLs, and only the fields that the functions use.
//!
//! `lambda_http` builds an `http::Request` from an event. It tries one event type after the other,
//! checks every header and parses an unused address. That is more than half of the cost of its
//! smallest function (docs/performance.md). We therefore parse events ourselves, and a test
//! compares our parser with theirs.

mod member;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_runtime::Error;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use slipway_core::limits::MAX_BODY_BYTES;

use crate::body::Body;
use crate::owner::OwnerClaim;
use member::member;

/// An event: payload format 2.0 of an HTTP API or a function URL, or 1.0 of a REST API.
///
/// Fields that only some requests need stay unparsed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    /// Only in 2.0, like `rawQueryString`.
    raw_path: Option<String>,
    raw_query_string: Option<String>,
    /// Only in 1.0, like `path` and the multi-value maps.
    http_method: Option<String>,
    path: Option<String>,
    #[serde(borrow)]
    multi_value_headers: Option<&'a RawValue>,
    #[serde(borrow)]
    multi_value_query_string_parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    #[serde(borrow)]
    query_string_parameters: Option<&'a RawValue>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
    #[serde(borrow)]
    request_context: RequestContext<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    http: Option<Http>,
    route_key: Option<String>,
    stage: Option<String>,
    resource_path: Option<String>,
    #[serde(borrow)]
    authorizer: Option<&'a RawValue>,
    /// Present in events of a load balancer, which resemble a REST API's. Their queries are not
    /// decoded.
    #[serde(borrow)]
    elb: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Http {
    method: String,
}

/// The sender of the event. It determines the format of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An HTTP API or a function URL, by payload format 2.0.
    HttpApi,
    /// A REST API, or an HTTP API that is configured for payload format 1.0.
    RestApi,
}

/// A parsed event.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    pub(crate) origin: Origin,
    pub(crate) method: String,
    payload: Payload<'a>,
}

impl<'a> Event<'a> {
    /// Fails if the event is not an HTTP request. The error contains no part of the event.
    pub(crate) fn read(event: &'a RawValue) -> Result<Self, Error> {
        let unknown = || "this event is neither API Gateway's nor a function URL's";
        let mut payload: Payload = serde_json::from_str(event.get()).map_err(|_| unknown())?;
        if payload.request_context.elb.is_some() {
            return Err(unknown().into());
        }
        // An event of 2.0 may also contain an `httpMethod`, which is ignored.
        let (origin, method) = match payload.request_context.http.take() {
            Some(http) => (Origin::HttpApi, http.method),
            None => (
                Origin::RestApi,
                payload.http_method.take().ok_or_else(unknown)?,
            ),
        };
        Ok(Self {
            origin,
            method,
            payload,
        })
    }

    /// The requested path. API Gateway may keep the stage and the base path in front of it.
    pub(crate) fn path(&self) -> &str {
        let path = match self.origin {
            Origin::HttpApi => &self.payload.raw_path,
            Origin::RestApi => &self.payload.path,
        };
        path.as_deref().unwrap_or_default()
    }

    /// The path of the route that API Gateway matched, such as `/files/{id}`. Function URLs have no
    /// routes.
    pub(crate) fn route(&self) -> Option<&str> {
        let context = &self.payload.request_context;
        match self.origin {
            Origin::HttpApi => Some(context.route_key.as_deref()?.split_once(' ')?.1),
            Origin::RestApi => context.resource_path.as_deref(),
        }
    }

    /// The stage that may precede the path: only HTTP APIs keep it there.
    pub(crate) fn stage(&self) -> Option<&str> {
        match self.origin {
            Origin::HttpApi => self.payload.request_context.stage.as_deref(),
            Origin::RestApi => None,
        }
    }

    /// The claim that an authorizer in front of the function has verified. It is null if the
    /// authorizer verified a caller without the claim, and `None` if there is no authorizer.
    ///
    /// The order is: an HTTP API's JWT authorizer, its Lambda authorizer, a REST API's Cognito
    /// authorizer, its Lambda authorizer. The last one returns only a principal. Only API Gateway
    /// writes `requestContext.authorizer`; a client cannot.
    pub(crate) fn verified_claim(&self, claim: &OwnerClaim) -> Option<Value> {
        let authorizer: Authorizer = part(self.payload.request_context.authorizer)?;
        let of = |claims| member(claims, claim.name());
        let of_token = |claims| of(claims).map(|value| claim.of_text(value));
        let vouched = match self.origin {
            Origin::HttpApi => {
                let jwt: Option<Jwt> = part(authorizer.jwt);
                [
                    of_token(jwt.and_then(|jwt| jwt.claims)),
                    of(authorizer.lambda),
                ]
            }
            Origin::RestApi => {
                let principal = part(authorizer.principal_id).map(|name: String| {
                    let is_owner = claim.is_subject();
                    is_owner.then_some(name).into()
                });
                [of_token(authorizer.claims), principal]
            }
        };
        let [first, second] = vouched;
        // A source with the claim takes precedence over one without.
        first
            .filter(|claim| !claim.is_null() || second.is_none())
            .or(second)
    }

    /// All values of the header `name`, case-insensitive.
    pub(crate) fn header(&self, name: &str) -> Vec<String> {
        let several: BTreeMap<String, Vec<String>> =
            part(self.payload.multi_value_headers).unwrap_or_default();
        let one: BTreeMap<String, String> = part(self.payload.headers).unwrap_or_default();
        let is_it = |key: &String| key.eq_ignore_ascii_case(name);
        let several = several.into_iter().filter(|(key, _)| is_it(key));
        let several: Vec<String> = several.flat_map(|(_, values)| values).collect();
        if !several.is_empty() {
            return several;
        }
        let one = one.into_iter().filter(|(key, _)| is_it(key));
        one.map(|(_, value)| value).collect()
    }

    /// The decoded query parameters. A repeated parameter is returned each time.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        let payload = &self.payload;
        // An HTTP API joins repeated query values by commas, and a value may itself contain commas.
        if let (Origin::HttpApi, Some(raw)) = (self.origin, &payload.raw_query_string) {
            return form_urlencoded::parse(raw.as_bytes())
                .into_owned()
                .collect();
        }
        let several: BTreeMap<String, Vec<String>> =
            part(payload.multi_value_query_string_parameters).unwrap_or_default();
        if !several.is_empty() {
            let several = several.into_iter();
            return several
                .flat_map(|(name, values)| {
                    values.into_iter().map(move |value| (name.clone(), value))
                })
                .collect();
        }
        let one: BTreeMap<String, String> =
            part(payload.query_string_parameters).unwrap_or_default();
        one.into_iter().collect()
    }

    /// The body as the client sent it.
    pub(crate) fn take_body(&mut self) -> Body {
        let body = self.payload.body.take().unwrap_or_default();
        let base64 = self.payload.is_base64_encoded == Some(true);
        // Four characters of base64 decode to at most three bytes. A body that is certainly too
        // long is not decoded.
        let shortest = if base64 {
            (body.len() / 4 * 3).saturating_sub(2)
        } else {
            body.len()
        };
        if shortest > MAX_BODY_BYTES {
            return Body::TooLarge;
        }
        if !base64 {
            return Body::Bytes(body.into_bytes());
        }
        match STANDARD.decode(body) {
            Ok(bytes) if bytes.len() > MAX_BODY_BYTES => Body::TooLarge,
            Ok(bytes) => Body::Bytes(bytes),
            Err(_) => Body::NotBase64,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authorizer<'a> {
    #[serde(borrow)]
    jwt: Option<&'a RawValue>,
    #[serde(borrow)]
    lambda: Option<&'a RawValue>,
    #[serde(borrow)]
    claims: Option<&'a RawValue>,
    #[serde(borrow)]
    principal_id: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Jwt<'a> {
    #[serde(borrow)]
    claims: Option<&'a RawValue>,
}

/// Parses a part of the event. Returns `None` if it is absent or has another shape, because an
/// authorizer may put its own data there.
fn part<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

#[cfg(test)]
mod tests;
