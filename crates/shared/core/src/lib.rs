//! The rules of Slipway as pure code: no I/O, no AWS, no SQL, no HTTP, and no clock except for ids and durations.

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
pub mod id;
pub mod key;
pub mod limits;
pub mod parts;
pub mod region;
pub mod scan;
pub mod sniff;
pub mod user;

pub use busy::{BusyClock, Spent};
pub use checksum::Sha256;
pub use content_type::ContentType;
pub use cursor::Cursor;
pub use error::{Code, Error};
pub use file::{FileRow, StoredObject};
pub use file_name::FileName;
pub use id::FileId;
pub use key::ObjectKey;
pub use parts::Parts;
pub use scan::{ScanStatus, UrlBlocked};
pub use user::UserId;
