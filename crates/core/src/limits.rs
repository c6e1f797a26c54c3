//! The numbers that bound everything, each with where it comes from.

/// The largest object of one PUT: 5 GiB (S3).
pub const MAX_PUT_BYTES: u64 = 5 * 1024 * 1024 * 1024;

/// The largest multipart upload: 5 TiB (ours; S3 has raised its own).
pub const MAX_MULTIPART_BYTES: u64 = 5 * 1024 * 1024 * 1024 * 1024;

/// The longest life of a signed URL, in seconds: 12 hours, the longest session a Lambda role has.
pub const MAX_URL_SECONDS: u64 = 12 * 60 * 60;

/// The most uploads that one request presigns.
pub const MAX_BATCH_PRESIGN: usize = 100;

/// The most files that one request deletes: what one `DeleteObjects` takes (S3).
pub const MAX_BATCH_DELETE: usize = 1000;

/// The most files on one page.
pub const MAX_PAGE_FILES: u32 = 1000;

/// How many files a page has when the client does not say.
pub const DEFAULT_PAGE_FILES: u32 = 50;

/// A page ends before its JSON is larger than this, in bytes: Lambda answers at most 6 MB.
pub const MAX_PAGE_BYTES: usize = 4_000_000;

/// How many rows a filtered page looks at before it ends short.
pub const MAX_FILTERED_ROWS: u32 = 10_000;
