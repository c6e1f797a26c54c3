//! S3 without I/O: the address of the bucket, and signed URLs. Signing is arithmetic and never
//! waits.
//!
//! ```
//! use slipway_core::env::Environment;
//! use slipway_core::{ContentType, FileId, FileName, Metadata, ObjectKey, UserId};
//! use slipway_s3_urls::{Credentials, Location, Signer, Upload, UploadUrls};
//! use time::OffsetDateTime;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let env = Environment::new(|variable| {
//!     let value = match variable {
//!         "S3_BUCKET_NAME" => "uploads",
//!         "AWS_REGION" => "eu-central-1",
//!         "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" => "example",
//!         _ => return None,
//!     };
//!     Some(value.to_owned())
//! });
//! let signer = Signer::new(Location::from_env(&env)?, Credentials::from_env(&env)?);
//! let urls = UploadUrls::from_env(&env, signer)?;
//!
//! let file_name = FileName::parse("a.txt")?;
//! let owner = UserId::parse("alice").ok_or("an empty user")?;
//! let upload = Upload {
//!     key: &ObjectKey::new(owner, FileId::new(), &file_name),
//!     file_name: &file_name,
//!     content_type: &ContentType::parse("text/plain")?,
//!     size: Some(5),
//!     checksum: None,
//!     metadata: &Metadata::default(),
//!     rule: None,
//!     write_once: false,
//! };
//! let url = urls.put(&upload, OffsetDateTime::now_utc());
//! assert!(url.signed.url.starts_with("https://uploads.s3.eu-central-1.amazonaws.com/alice/"));
//! assert!(url.signed.url.contains("X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost"));
//! # Ok(())
//! # }
//! ```

mod credentials;
mod encode;
mod endpoint;
mod location;
mod read;
mod signer;
mod upload;

pub use credentials::Credentials;
pub use location::{ENDPOINTS, Location, PublicBase};
pub use read::{ReadUrls, Window};
pub use signer::{Request, SignedUrl, Signer};
pub use upload::{Upload, UploadPart, UploadUrl, UploadUrls};
