//! The time format of the API.

use slipway_core::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// RFC 3339 in UTC, such as `2026-11-21T08:30:00Z`.
pub fn rfc3339(at: OffsetDateTime) -> Result<String, Error> {
    at.to_offset(time::UtcOffset::UTC)
        .format(&Rfc3339)
        .map_err(|error| Error::internal("write a time", error))
}
