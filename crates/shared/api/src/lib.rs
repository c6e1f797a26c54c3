//! The HTTP edge of every function: the request from the event, the caller from the token, the
//! response as JSON.
//!
//! A function implements [`Function`]. [`serve()`] does everything else in the same way for all
//! functions: it authenticates, enforces the deadline, logs one line, and writes the response.
//!
//! ```
//! use slipway_api::{Function, Reply, Request};
//! use slipway_core::Error;
//!
//! struct WhoAmI;
//!
//! impl Function for WhoAmI {
//!     async fn handle(&self, request: &Request) -> Result<Reply, Error> {
//!         Reply::ok(&request.user().as_str())
//!     }
//! }
//! ```

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
pub mod routes;
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
