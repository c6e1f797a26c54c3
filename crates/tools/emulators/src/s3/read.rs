//! `GetObject` and `HeadObject`: conditions, ranges and response headers.

use std::io::{Seek as _, SeekFrom};
use std::ops;

use http::{HeaderMap, HeaderValue, header};
use s3s::dto::{
    ChecksumMode, ETag, ETagCondition, GetObjectInput, GetObjectOutput, HeadObjectInput,
    HeadObjectOutput, Range, StorageClass, StreamingBlob, Timestamp,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use super::access::Access;
use super::checksum::show_checksum;
use super::fault::{disk, precondition_failed, refuse};
use super::object::{Moment, Object};
use super::store::Store;

const CHUNK: usize = 256 * 1024;

/// Sets the fields that both outputs have.
macro_rules! describe {
    ($output:expr, $object:expr, $input:expr, $range:expr) => {
        $output.accept_ranges = Some("bytes".to_owned());
        $output.e_tag = Some($object.etag());
        $output.last_modified = Some($object.modified.timestamp());
        $output.content_type = Some($object.content_type());
        $output
            .cache_control
            .clone_from(&$object.described.cache_control);
        $output
            .content_disposition
            .clone_from(&$object.described.content_disposition);
        $output
            .content_encoding
            .clone_from(&$object.described.content_encoding);
        $output
            .content_language
            .clone_from(&$object.described.content_language);
        $output.expires = $object.described.expires.map(Moment::timestamp);
        let class = $object.described.shown_class();
        $output.storage_class = class.map(|class| StorageClass::from(class.to_owned()));
        $output.metadata = Some($object.described.metadata.clone().into_iter().collect());
        $output.content_length = i64::try_from($range.end - $range.start).ok();
        if $range.end - $range.start == $object.size {
            let wanted = $input.checksum_mode.as_ref();
            let wanted = wanted.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED);
            let checksum = $object.checksum.as_ref().filter(|_| wanted);
            $output.checksum_type = checksum.map(super::checksum::Sum::kind);
            show_checksum!($output, checksum);
        }
    };
}

/// `GetObject`.
pub(super) fn get(
    store: &Store,
    access: &Access,
    request: S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    let input = request.input;
    reject_parts(input.part_number)?;
    let found = store.read(&input.key);
    let tagged = found.as_ref().ok().map(|(object, _)| &**object);
    access.check("s3:GetObject", &request.extensions, &input.key, tagged)?;
    let (object, mut file) =
        found.map_err(|error| access.unless_missing(error, &request.extensions))?;
    object.described.check_readable()?;
    let conditions = Conditions {
        if_match: input.if_match.as_ref(),
        if_none_match: input.if_none_match.as_ref(),
        if_modified_since: input.if_modified_since.as_ref(),
        if_unmodified_since: input.if_unmodified_since.as_ref(),
        cache_control: input.response_cache_control.as_deref(),
    };
    conditions.check(&object)?;
    let (range, content_range) = select(input.range.as_ref(), &request.headers, &object)?;
    let mut output = GetObjectOutput {
        content_range,
        ..GetObjectOutput::default()
    };
    describe!(output, object, input, range);
    output.tag_count = i32::try_from(object.tags.len())
        .ok()
        .filter(|count| *count > 0);
    file.seek(SeekFrom::Start(range.start)).map_err(disk)?;
    let bytes = tokio::fs::File::from_std(file).take(range.end - range.start);
    output.body = Some(StreamingBlob::wrap(ReaderStream::with_capacity(
        bytes, CHUNK,
    )));
    Ok(S3Response::new(output))
}

/// `HeadObject`.
pub(super) fn head(
    store: &Store,
    access: &Access,
    request: S3Request<HeadObjectInput>,
) -> S3Result<S3Response<HeadObjectOutput>> {
    let input = request.input;
    reject_parts(input.part_number)?;
    let found = store.find(&input.key);
    access.check(
        "s3:GetObject",
        &request.extensions,
        &input.key,
        found.as_deref(),
    )?;
    let object = found.ok_or_else(|| access.missing(&request.extensions))?;
    let conditions = Conditions {
        if_match: input.if_match.as_ref(),
        if_none_match: input.if_none_match.as_ref(),
        if_modified_since: input.if_modified_since.as_ref(),
        if_unmodified_since: input.if_unmodified_since.as_ref(),
        cache_control: input.response_cache_control.as_deref(),
    };
    conditions.check(&object)?;
    let (range, content_range) = select(input.range.as_ref(), &request.headers, &object)?;
    let partial = content_range.is_some();
    let mut output = HeadObjectOutput {
        content_range,
        ..HeadObjectOutput::default()
    };
    describe!(output, object, input, range);
    // `s3s` applies these to GET only.
    replace(&mut output.content_type, input.response_content_type);
    replace(&mut output.cache_control, input.response_cache_control);
    replace(
        &mut output.content_disposition,
        input.response_content_disposition,
    );
    replace(
        &mut output.content_encoding,
        input.response_content_encoding,
    );
    replace(
        &mut output.content_language,
        input.response_content_language,
    );
    let mut response = S3Response::new(output);
    response.status = partial.then_some(http::StatusCode::PARTIAL_CONTENT);
    Ok(response)
}

fn replace(field: &mut Option<String>, given: Option<String>) {
    if given.is_some() {
        *field = given;
    }
}

fn reject_parts(number: Option<i32>) -> S3Result<()> {
    match number {
        None => Ok(()),
        Some(_) => Err(refuse(
            S3ErrorCode::NotImplemented,
            "Reading by part number is not implemented",
        )),
    }
}

/// The requested bytes, and their `Content-Range`.
fn select(
    range: Option<&Range>,
    headers: &HeaderMap,
    object: &Object,
) -> S3Result<(ops::Range<u64>, Option<String>)> {
    let size = object.size;
    let Some(range) = range.filter(|_| still_the_same(headers, object)) else {
        return Ok((0..size, None));
    };
    let range = range
        .check(size)
        .ok()
        .filter(|range| !range.is_empty())
        .ok_or_else(|| {
            let mut error = refuse(
                S3ErrorCode::InvalidRange,
                "The requested range is not satisfiable",
            );
            error.set_headers(HeaderMap::from_iter(
                HeaderValue::try_from(format!("bytes */{size}"))
                    .map(|value| (header::CONTENT_RANGE, value)),
            ));
            error
        })?;
    let shown = format!("bytes {}-{}/{size}", range.start, range.end - 1);
    Ok((range, Some(shown)))
}

/// A resumed download requests a range of the object that it knows, or all of another one
/// (`If-Range`).
fn still_the_same(headers: &HeaderMap, object: &Object) -> bool {
    let Some(known) = headers.get(header::IF_RANGE) else {
        return true;
    };
    match ETag::parse_http_header(known.as_bytes()) {
        Ok(etag) => etag.strong_cmp(&object.etag()),
        Err(_) => last_modified(object).is_some_and(|date| date == *known),
    }
}

struct Conditions<'a> {
    if_match: Option<&'a ETagCondition>,
    if_none_match: Option<&'a ETagCondition>,
    if_modified_since: Option<&'a Timestamp>,
    if_unmodified_since: Option<&'a Timestamp>,
    cache_control: Option<&'a str>,
}

impl Conditions<'_> {
    /// In the order of RFC 9110, in which an `ETag` takes precedence over a date.
    fn check(&self, object: &Object) -> S3Result<()> {
        let etag = object.etag();
        let modified = object.modified.timestamp();
        let holds = match (self.if_match, self.if_unmodified_since) {
            (Some(condition), _) => condition
                .as_etag()
                .is_none_or(|wanted| etag.strong_cmp(wanted)),
            (None, Some(since)) => modified <= *since,
            (None, None) => true,
        };
        if !holds {
            return Err(precondition_failed());
        }
        let changed = match (self.if_none_match, self.if_modified_since) {
            (Some(condition), _) => condition
                .as_etag()
                .is_some_and(|known| !etag.weak_cmp(known)),
            (None, Some(since)) => modified > *since,
            (None, None) => true,
        };
        if changed {
            Ok(())
        } else {
            Err(self.not_modified(object))
        }
    }

    /// 304, with the headers that keep a browser's cache entry fresh.
    fn not_modified(&self, object: &Object) -> S3Error {
        let mut headers = HeaderMap::new();
        if let Ok(etag) = object.etag().to_http_header() {
            headers.insert(header::ETAG, etag);
        }
        if let Some(date) = last_modified(object) {
            headers.insert(header::LAST_MODIFIED, date);
        }
        let cache_control = self
            .cache_control
            .or(object.described.cache_control.as_deref());
        if let Some(Ok(value)) = cache_control.map(HeaderValue::from_str) {
            headers.insert(header::CACHE_CONTROL, value);
        }
        let mut error = S3Error::new(S3ErrorCode::NotModified);
        error.set_headers(headers);
        error
    }
}

fn last_modified(object: &Object) -> Option<HeaderValue> {
    let mut text = Vec::new();
    let format = s3s::dto::TimestampFormat::HttpDate;
    object.modified.timestamp().format(format, &mut text).ok()?;
    HeaderValue::from_bytes(&text).ok()
}
