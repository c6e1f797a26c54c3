//! The query parameter of every list: `limit`.

use slipway_core::Error;
use slipway_core::limits::MAX_PAGE_FILES;

use crate::Request;

/// The parameter `limit`, or `default`.
pub fn limit(request: &Request, default: u32) -> Result<u32, Error> {
    let Some(text) = request.query("limit")? else {
        return Ok(default);
    };
    // Rust's parser accepts a leading plus sign, which the API does not.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse()
        .ok()
        .filter(|_| digits)
        .filter(|limit| (1..=MAX_PAGE_FILES).contains(limit))
        .ok_or_else(|| {
            Error::invalid_request(format!(
                "limit must be a whole number from 1 to {MAX_PAGE_FILES}."
            ))
        })
}
