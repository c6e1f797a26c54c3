//! The caller as API Gateway has verified it.

use lambda_http::aws_lambda_events::apigw::ApiGatewayRequestAuthorizer;
use lambda_http::request::RequestContext;
use serde_json::Value;

/// The `sub` that an authorizer in front of us vouches for, if there is one.
///
/// In this order: an HTTP API's JWT authorizer, its Lambda authorizer, a REST API's Cognito authorizer,
/// its Lambda authorizer. Only API Gateway writes `requestContext.authorizer`; no client can.
pub(crate) fn verified_sub(context: &RequestContext) -> Option<&str> {
    match context {
        RequestContext::ApiGatewayV2(context) => http_api(context.authorizer.as_ref()?),
        RequestContext::ApiGatewayV1(context) => rest_api(&context.authorizer),
        _ => None,
    }
}

fn http_api(authorizer: &ApiGatewayRequestAuthorizer) -> Option<&str> {
    let jwt = authorizer
        .jwt
        .as_ref()
        .and_then(|jwt| jwt.claims.get("sub"));
    jwt.map(String::as_str)
        .or_else(|| authorizer.fields.get("sub").and_then(Value::as_str))
}

fn rest_api(authorizer: &ApiGatewayRequestAuthorizer) -> Option<&str> {
    let claims = authorizer.fields.get("claims");
    claims
        .and_then(|claims| claims.get("sub"))
        .or_else(|| authorizer.fields.get("principalId"))
        .and_then(Value::as_str)
}
