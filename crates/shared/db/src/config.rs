//! The address of the database and the settings for connecting, read from `DATABASE_URL` as users
//! paste it.

mod json;
mod keyword;
mod options;
mod placeholder;
mod pooled;
mod url;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use slipway_core::env::{ConfigError, Environment};
use socket2::TcpKeepalive;

/// The variable that holds the connection string.
pub const VARIABLE: &str = "DATABASE_URL";

/// All settings of a connection. Its `Debug` output contains no secret.
#[derive(Clone)]
pub struct Config {
    pub(crate) servers: Vec<Server>,
    /// The user, the database and the TLS mode. Its hosts are not used.
    pub(crate) login: tokio_postgres::Config,
    /// The certificates to trust instead of the system's.
    pub(crate) root_certificates: Option<PathBuf>,
    /// Whether the server must accept writes.
    pub(crate) writable: bool,
    pub(crate) tcp_user_timeout: Option<Duration>,
    pub(crate) keepalive: Option<TcpKeepalive>,
    pub(crate) limits: Limits,
}

/// One possible server of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// The name that its certificate must hold.
    pub(crate) host: String,
    /// Its address, if the name must not be looked up.
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
}

/// The time limits. A call always ends within `call`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// One connection: name lookup, TCP, TLS and login. 5 s, which lets a sleeping Neon wake up, or
    /// `connect_timeout`.
    pub connect: Duration,
    /// One transaction on a connection: 5 s, of which it may wait for a lock for 4.
    pub statement: Duration,
    /// A whole call, with its one retry and its wait for the connection: 15 s, half of API
    /// Gateway's limit.
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
    /// Reads `DATABASE_URL`. Errors name the problem, never the value.
    pub fn from_env(env: &Environment) -> Result<Self, ConfigError> {
        Self::parse(VARIABLE, &env.required(VARIABLE)?)
    }

    /// Parses the value of `variable`: a connection string, `postgres://…` or `host=… user=…`, or a
    /// secret of RDS.
    pub fn parse(variable: &'static str, text: &str) -> Result<Self, ConfigError> {
        let text = unwrapped(text);
        let parsed = match (url::scheme(text), placeholder::problem(text)) {
            _ if json::is_json(text) => json::options(text),
            (_, Some(problem)) => Err(problem.to_owned()),
            (Some(rest), None) => url::options(rest),
            (None, None) if url::is_other(text) => Err("must begin with postgres://".to_owned()),
            (None, None) => keyword::options(text),
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

/// Strips characters that are copied along with the value: blanks, a `psql` or
/// `export DATABASE_URL=` prefix, the quotes of a `.env` file or a shell, which
/// `docker run --env-file` keeps, and a trailing semicolon.
fn unwrapped(mut text: &str) -> &str {
    const QUOTES: [(char, char); 6] = [
        ('"', '"'),
        ('\'', '\''),
        ('`', '`'),
        ('“', '”'),
        ('‘', '’'),
        ('<', '>'),
    ];
    loop {
        text = text.trim();
        let inner = ["psql ", "export "]
            .iter()
            .find_map(|word| text.strip_prefix(word))
            .or_else(|| assigned(text))
            .or_else(|| {
                text.strip_suffix(';')
                    .filter(|inner| inner.ends_with(['"', '\'']))
            })
            .or_else(|| {
                QUOTES
                    .iter()
                    .find_map(|&(open, close)| text.strip_prefix(open)?.strip_suffix(close))
            });
        match inner {
            Some(inner) => text = inner,
            None => return text,
        }
    }
}

/// The value after `NAME=`. The options of `host=… user=…` are in lower case.
fn assigned(text: &str) -> Option<&str> {
    let (name, value) = text.split_once('=')?;
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let value = value.trim_start();
    (!name.is_empty() && name.trim_end().bytes().all(is_name)).then_some(value)
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod pasted_tests;
#[cfg(test)]
mod tests;
