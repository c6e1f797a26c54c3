//! The HTTP edge of every function: who asks, for what, and how the answer is written.
//!
//! A function implements [`Function`]; [`serve`] does the rest, the same for all of them.

mod body;
pub mod emulator;
mod event;
mod file;
mod identity;
mod json_body;
mod jwt;
mod line;
mod owner;
pub mod page;
mod reply;
mod request;
mod serve;
pub mod time;

pub use body::{Entries, object};
pub use file::FileBody;
pub use identity::Identity;
pub use json_body::{JsonBody, Mark};
pub use reply::{Counts, Reply};
pub use request::Request;
pub use serve::{Function, answer, serve};
pub use slipway_core::Spent;
