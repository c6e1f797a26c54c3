//! Changes to the headers of responses: a server whose clock is wrong, and a server that loses
//! metadata.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// A response head whose `Date` is `ahead` of now.
pub(crate) fn with_date_ahead(head: &str, ahead: Duration) -> String {
    let date = OffsetDateTime::from(SystemTime::now() + ahead);
    let date = date.format(&Rfc2822).expect("a date");
    let date = date.replace("+0000", "GMT");
    without(head, "date:") + "\r\ndate: " + &date
}

/// A response head as from an S3 server that does not store the metadata of a signed query.
pub(crate) fn without_metadata(head: &str) -> String {
    without(head, "x-amz-meta-")
}

fn without(head: &str, begin: &str) -> String {
    let kept = head.lines().filter(|line| {
        let start = line.get(..begin.len());
        !start.is_some_and(|start| start.eq_ignore_ascii_case(begin))
    });
    kept.collect::<Vec<_>>().join("\r\n")
}
