//! S3 without I/O: where the bucket is, and URLs signed for it. Signing is arithmetic; nothing here waits.

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
