//! What API Gateway or a function URL sends, and of it only what is looked at.
//!
//! `lambda_http` makes an `http::Request` of an event: it tries one kind of event after the other, checks every
//! header and parses an address that nobody asks for, which is more than half of what its smallest function costs
//! (docs/performance.md). So we parse events ourselves, and a test compares our parser with theirs.

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
/// What is only looked at at times stays as it came.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    /// Of 2.0, as is `rawQueryString`.
    raw_path: Option<String>,
    raw_query_string: Option<String>,
    /// Of 1.0, as are `path` and the multi-value maps.
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
    /// Of a load balancer, whose events look like a REST API's, and whose queries are not decoded.
    #[serde(borrow)]
    elb: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
struct Http {
    method: String,
}

/// Who wrote the event, and so how the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An HTTP API or a function URL, by payload format 2.0.
    HttpApi,
    /// A REST API, or an HTTP API that is told to speak 1.0.
    RestApi,
}

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    pub(crate) origin: Origin,
    pub(crate) method: String,
    payload: Payload<'a>,
}

impl<'a> Event<'a> {
    /// Fails where this is no request over HTTP. The error holds nothing of the event.
    pub(crate) fn read(event: &'a RawValue) -> Result<Self, Error> {
        let unknown = || "this event is neither API Gateway's nor a function URL's";
        let mut payload: Payload = serde_json::from_str(event.get()).map_err(|_| unknown())?;
        if payload.request_context.elb.is_some() {
            return Err(unknown().into());
        }
        // An event of 2.0 may hold an `httpMethod` as well; it does not count.
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

    /// The path as it was asked for, with the stage and base path in front that API Gateway may keep.
    pub(crate) fn path(&self) -> &str {
        let path = match self.origin {
            Origin::HttpApi => &self.payload.raw_path,
            Origin::RestApi => &self.payload.path,
        };
        path.as_deref().unwrap_or_default()
    }

    /// The path of the route that API Gateway chose, such as `/files/{id}`; function URLs choose none.
    pub(crate) fn route(&self) -> Option<&str> {
        let context = &self.payload.request_context;
        match self.origin {
            Origin::HttpApi => Some(context.route_key.as_deref()?.split_once(' ')?.1),
            Origin::RestApi => context.resource_path.as_deref(),
        }
    }

    /// The stage that may stand in front of the path: only HTTP APIs keep it there.
    pub(crate) fn stage(&self) -> Option<&str> {
        match self.origin {
            Origin::HttpApi => self.payload.request_context.stage.as_deref(),
            Origin::RestApi => None,
        }
    }

    /// The claim that an authorizer in front of us vouches for: null if it vouches for a caller without the claim, `None` if
    /// there is no authorizer.
    ///
    /// In this order: an HTTP API's JWT authorizer, its Lambda authorizer, a REST API's Cognito authorizer,
    /// its Lambda authorizer, which names nothing but a principal. Only API Gateway writes `requestContext.authorizer`; no
    /// client can.
    pub(crate) fn verified_claim(&self, claim: &OwnerClaim) -> Option<Value> {
        let authorizer: Authorizer = part(self.payload.request_context.authorizer)?;
        let of = |claims| member(claims, claim.name());
        let vouched = match self.origin {
            Origin::HttpApi => {
                let jwt: Option<Jwt> = part(authorizer.jwt);
                [of(jwt.and_then(|jwt| jwt.claims)), of(authorizer.lambda)]
            }
            Origin::RestApi => {
                let principal = part(authorizer.principal_id).map(|name: String| {
                    let is_owner = claim.is_subject();
                    is_owner.then_some(name).into()
                });
                [of(authorizer.claims), principal]
            }
        };
        let [first, second] = vouched;
        // One with the claim wins over one without.
        first
            .filter(|claim| !claim.is_null() || second.is_none())
            .or(second)
    }

    /// Every value of the header `name`, whatever case it came in.
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

    /// The query parameters, decoded, each as often as it was given.
    pub(crate) fn query(&self) -> Vec<(String, String)> {
        let payload = &self.payload;
        // What an HTTP API makes of the query joins values by commas, which they may hold themselves.
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
        // Of base64, four characters are three bytes at most: what is surely too long is not decoded.
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

/// A part of the event, if it is there and is what is expected: what else an authorizer may put there is its own.
fn part<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

#[cfg(test)]
mod tests;
