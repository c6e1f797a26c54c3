//! Responses to the client: the function's, or API Gateway's own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};

/// API Gateway's own response.
pub(super) fn own_response(status: StatusCode, message: &str) -> Response<Full<Bytes>> {
    let body = json!({ "message": message }).to_string();
    json_reply(status, body)
}

/// The response of its JWT authorizer to a request without a valid token.
pub(super) fn unauthorized() -> Response<Full<Bytes>> {
    let mut response = own_response(StatusCode::UNAUTHORIZED, "Unauthorized");
    let scheme = HeaderValue::from_static("Bearer");
    response
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, scheme);
    response
}

/// The response if the function failed. The client does not learn the reason.
pub(super) fn failed() -> Response<Full<Bytes>> {
    own_response(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

/// The response to a request that is too large for API Gateway or Lambda.
pub(super) fn too_large() -> Response<Full<Bytes>> {
    own_response(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
}

/// The function's result as a response; `None` if it has another form.
///
/// "If your Lambda function returns valid JSON and doesn't return a `statusCode`", the JSON is the
/// body, with status 200.
pub(super) fn from_function(answer: &Value) -> Option<Response<Full<Bytes>>> {
    if answer.get("statusCode").is_none() {
        return Some(json_reply(StatusCode::OK, answer.to_string()));
    }
    let status = u16::try_from(answer["statusCode"].as_u64()?).ok()?;
    let text = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"] == true {
        STANDARD.decode(text).ok()?
    } else {
        text.as_bytes().to_vec()
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let name = HeaderName::try_from(name.as_str()).ok()?;
        let value = HeaderValue::from_str(value.as_str()?).ok()?;
        response.headers_mut().insert(name, value);
    }
    for cookie in answer["cookies"].as_array().into_iter().flatten() {
        let value = HeaderValue::from_str(cookie.as_str()?).ok()?;
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    Some(response)
}

fn json_reply(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
