//! The functions as processes, behind the Lambda runtime API: what the handlers' tests cannot see.

mod flow;
mod init;
mod stack;
