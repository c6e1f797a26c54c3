//! Where the database is and how to reach it, read from `DATABASE_URL` as people paste it.

mod keyword;
mod options;
mod pooled;
mod url;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use slipway_core::env::{ConfigError, Env};
use socket2::TcpKeepalive;

/// The variable that holds the connection string.
pub const VARIABLE: &str = "DATABASE_URL";

/// Everything that a connection needs. It never shows what it holds.
#[derive(Clone)]
pub struct Config {
    pub(crate) servers: Vec<Server>,
    /// Who logs in to what, and whether by TLS; its hosts are not used.
    pub(crate) login: tokio_postgres::Config,
    /// The certificates to trust instead of the system's.
    pub(crate) root_certificates: Option<PathBuf>,
    /// Whether only a server that takes writes will do.
    pub(crate) writable: bool,
    pub(crate) tcp_user_timeout: Option<Duration>,
    pub(crate) keepalive: Option<TcpKeepalive>,
    pub(crate) limits: Limits,
}

/// One place where the database may answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// The name that its certificate must hold.
    pub(crate) host: String,
    /// Where it is, if the name is not to be looked up.
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
}

/// How long things may take. A call ends by `call`, whatever happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One connection: name, TCP, TLS, login. 5 s, which lets a sleeping Neon wake up; or `connect_timeout`.
    pub connect: Duration,
    /// One transaction on a connection: 5 s, of which it may wait for a lock for 4.
    pub statement: Duration,
    /// A whole call, with its one retry and its wait for the connection: 15 s, half of what API Gateway allows.
    pub call: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            statement: Duration::from_secs(5),
            call: Duration::from_secs(15),
        }
    }
}

impl Config {
    /// Reads `DATABASE_URL`. Errors name what is wrong in it, never what it holds.
    pub fn from_env(env: Env<'_>) -> Result<Self, ConfigError> {
        Self::parse(VARIABLE, &env.required(VARIABLE)?)
    }

    /// Reads a connection string, `postgres://…` or `host=… user=…`, that came in `variable`.
    pub fn parse(variable: &'static str, text: &str) -> Result<Self, ConfigError> {
        let text = unwrapped(text);
        let parsed = match url::scheme(text) {
            Some(rest) => url::options(rest),
            None if url::is_other(text) => Err("must begin with postgres://".to_owned()),
            None => keyword::options(text),
        };
        parsed
            .and_then(options::config)
            .map_err(|problem| ConfigError::new(variable, url::hinted(text, problem)))
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

/// Without what comes along when a line is copied: blanks, quotes, the `psql` in front of it.
fn unwrapped(text: &str) -> &str {
    let text = text.trim();
    let text = text.strip_prefix("psql ").unwrap_or(text).trim();
    ['"', '\'']
        .iter()
        .find_map(|&quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(text)
        .trim()
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
