//! Reads a request's body, up to the limit.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderMap};
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;

use super::reply;

/// "Payload size: 10 MB".
const MAX_BODY: usize = 10 * 1024 * 1024;

/// A client that sends more is disconnected. Up to here its body is read, so that it can receive
/// the response.
const MAX_HEARD: usize = 10 * MAX_BODY;

/// The whole body, or an error response.
pub(super) async fn read(
    mut body: Incoming,
    headers: &HeaderMap,
) -> Result<Bytes, Response<Full<Bytes>>> {
    let declared = headers.get(CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let (mut kept, mut heard) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(reply::own_response(StatusCode::BAD_REQUEST, "Bad Request"));
        };
        if let Some(data) = frame.data_ref() {
            heard += data.len();
            if heard <= MAX_BODY && declared.unwrap_or_default() <= MAX_BODY {
                kept.extend_from_slice(data);
            } else if heard > MAX_HEARD {
                break;
            }
        }
    }
    if heard > MAX_BODY {
        return Err(reply::too_large());
    }
    Ok(kept.into())
}
