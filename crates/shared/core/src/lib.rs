//! The rules of Slipway as pure code: no I/O, no AWS, no SQL, no HTTP, and no clock except for ids
//! and durations.
//!
//! ```
//! use slipway_core::{FileId, FileName, ObjectKey, UserId};
//!
//! # fn main() -> Result<(), slipway_core::Error> {
//! let owner = UserId::parse("auth0|alice").expect("a valid subject");
//! let key = ObjectKey::new(owner, FileId::new(), &FileName::parse("写真 (1).jpg")?);
//! assert!(key.as_str().starts_with("auth0~7Calice/"));
//!
//! // Only the canonical form of a key parses, so a file has exactly one key.
//! assert_eq!(ObjectKey::parse(key.as_str())?, key);
//! assert!(ObjectKey::parse("auth0|alice/1/photo.jpg").is_err());
//! # Ok(())
//! # }
//! ```

pub mod busy;
pub mod checksum;
pub mod content_type;
pub mod cursor;
pub mod deadline;
pub mod disposition;
pub mod env;
pub mod error;
pub mod file;
pub mod file_name;
mod hex;
pub mod id;
pub mod key;
pub mod limits;
pub mod list_cursor;
pub mod metadata;
pub mod name_order;
pub mod parts;
pub mod region;
pub mod rules;
pub mod scan;
pub mod sniff;
pub mod tombstone;
pub mod user;

pub use busy::{BusyClock, Spent};
pub use checksum::{Crc64Nvme, Sha256};
pub use content_type::ContentType;
pub use error::{Code, Error};
pub use file::{FileRow, StoredObject};
pub use file_name::FileName;
pub use hex::hex;
pub use id::FileId;
pub use key::ObjectKey;
pub use list_cursor::{ListCursors, ListOrder};
pub use metadata::Metadata;
pub use name_order::NamePosition;
pub use parts::Parts;
pub use rules::{RuleName, UploadRules};
pub use scan::{ScanStatus, UrlBlocked};
pub use tombstone::Tombstone;
pub use user::UserId;
