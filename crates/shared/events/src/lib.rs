//! Events about objects, as Lambda delivers them: what they name, and a log line for the others.
//!
//! `record-upload` and `preview` receive the same events, each from a queue of its own.

mod event;
pub mod unknown;

pub use event::{Event, Message, Notice};
