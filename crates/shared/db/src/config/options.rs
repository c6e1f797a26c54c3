//! The supported options of a connection string. An unknown option is refused by its name.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use socket2::TcpKeepalive;
use tokio_postgres::config::{ChannelBinding, SslMode, SslNegotiation};

use super::{Config, Limits, Server};

/// Options in the order in which they were given; a later one wins.
#[derive(Default)]
pub(super) struct Options(Vec<(String, String)>);

impl Options {
    pub(super) fn add(&mut self, key: &str, value: &str) {
        self.0.push((key.to_owned(), value.to_owned()));
    }
}

#[derive(Default)]
struct Draft {
    hosts: Option<String>,
    addresses: Option<String>,
    ports: Option<String>,
    dbname: Option<String>,
    user: Option<String>,
    ssl_mode: Option<SslMode>,
    root_certificates: Option<PathBuf>,
    writable: bool,
    connect: Option<Duration>,
    tcp_user_timeout: Option<Duration>,
    no_keepalive: bool,
    keepalive: Option<TcpKeepalive>,
    login: tokio_postgres::Config,
}

/// Builds the configuration from `options`, or returns what is wrong with them.
pub(super) fn config(options: Options) -> Result<Config, String> {
    let mut draft = Draft::default();
    for (key, value) in options.0 {
        draft.set(&key, value).map_err(|Unknown| refusal(&key))?;
    }
    draft.finish()
}

/// An unknown key, or an invalid value.
struct Unknown;

fn refusal(key: &str) -> String {
    // An unknown key may be a fragment of a password, so show it only if it looks like an option.
    let shown = key.len() <= 40 && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if shown {
        format!(
            "has {key} with a value that does not work here, or an option {key} that is not known: correct or remove it"
        )
    } else {
        "has an option whose name is not known: remove it".to_owned()
    }
}

impl Draft {
    fn set(&mut self, key: &str, value: String) -> Result<(), Unknown> {
        match key {
            "host" => self.hosts = Some(value),
            "hostaddr" => self.addresses = Some(value),
            "port" => self.ports = Some(value),
            "user" => self.user = Some(value),
            "dbname" => self.dbname = Some(value),
            "password" => {
                self.login.password(value);
            }
            "options" => {
                self.login.options(value);
            }
            "application_name" | "fallback_application_name" => {
                self.login.application_name(value);
            }
            "sslmode" => self.ssl_mode = Some(ssl_mode(&value)?),
            "ssl" => {
                self.ssl_mode = Some(if flag(&value)? {
                    SslMode::Require
                } else {
                    SslMode::Disable
                });
            }
            "sslrootcert" => self.root_certificates = (value != "system").then(|| value.into()),
            "channel_binding" => {
                self.login.channel_binding(channel_binding(&value)?);
            }
            "target_session_attrs" => self.writable = writable(&value)?,
            "connect_timeout" => self.connect = positive(&value)?.map(Duration::from_secs),
            "tcp_user_timeout" => {
                self.tcp_user_timeout = positive(&value)?.map(Duration::from_millis);
            }
            "keepalives" => self.no_keepalive = !flag(&value)?,
            "keepalives_idle" | "keepalives_interval" | "keepalives_count" => {
                self.keep(key, &value)?;
            }
            // All hosts are equivalent here.
            "load_balance_hosts" if matches!(value.as_str(), "disable" | "random") => {}
            // This is our default.
            "sslnegotiation" if value == "postgres" => {}
            "sslnegotiation" if value == "direct" => {
                self.login.ssl_negotiation(SslNegotiation::Direct);
            }
            "gssencmode" if matches!(value.as_str(), "disable" | "prefer") => {}
            "client_encoding"
                if matches!(
                    value.to_ascii_lowercase().as_str(),
                    "utf8" | "utf-8" | "auto"
                ) => {}
            "schema" if value == "public" => {}
            "sslsni" if flag(&value)? => {}
            "sslaccept" if value == "strict" => {}
            // Hints for pools and caches that we do not have: every statement here suits a
            // transaction pooler.
            "pgbouncer"
            | "connection_limit"
            | "pool_timeout"
            | "statement_cache_size"
            | "uselibpqcompat"
            // Vercel's integration of Supabase adds these.
            | "supa"
            | "workaround" => {}
            _ => return Err(Unknown),
        }
        Ok(())
    }

    fn keep(&mut self, key: &str, value: &str) -> Result<(), Unknown> {
        let Some(number) = positive(value)? else {
            return Ok(());
        };
        let old = self.keepalive.take().unwrap_or_else(TcpKeepalive::new);
        let seconds = Duration::from_secs(number);
        self.keepalive = Some(match key {
            "keepalives_idle" => old.with_time(seconds),
            "keepalives_interval" => old.with_interval(seconds),
            _ => old.with_retries(u32::try_from(number).map_err(|_| Unknown)?),
        });
        Ok(())
    }

    fn finish(mut self) -> Result<Config, String> {
        let servers = self.servers()?;
        let user = self
            .user
            .filter(|user| !user.is_empty())
            .ok_or("names no user")?;
        self.login.dbname(self.dbname.as_ref().unwrap_or(&user));
        self.login.user(user);
        if self.login.get_application_name().is_none() {
            self.login.application_name("slipway");
        }
        if self.login.get_ssl_negotiation() == SslNegotiation::Direct {
            if self.ssl_mode == Some(SslMode::Disable) {
                return Err(
                    "has sslnegotiation=direct, which needs TLS, together with sslmode=disable"
                        .to_owned(),
                );
            }
            self.ssl_mode = Some(SslMode::Require);
        }
        // Servers on this machine often have a self-signed certificate, or none.
        let here = servers.iter().all(Server::is_loopback);
        self.login.ssl_mode(match self.ssl_mode {
            None if here => SslMode::Disable,
            Some(mode) if here || mode == SslMode::Disable => mode,
            // `prefer` is only safe without an attacker on the network, who could answer "no TLS"
            // and then request the password in clear text.
            _ => SslMode::Require,
        });
        let limits = Limits::default();
        Ok(Config {
            servers,
            login: self.login,
            root_certificates: self.root_certificates,
            writable: self.writable,
            tcp_user_timeout: self.tcp_user_timeout,
            keepalive: (!self.no_keepalive)
                .then(|| self.keepalive.unwrap_or_else(TcpKeepalive::new)),
            limits: Limits {
                connect: self
                    .connect
                    .map_or(limits.connect, |limit| limit.min(limits.call)),
                ..limits
            },
        })
    }

    fn servers(&self) -> Result<Vec<Server>, String> {
        let list = |text: &Option<String>| -> Vec<String> {
            text.iter()
                .flat_map(|text| text.split(','))
                .map(|part| part.trim().to_owned())
                .collect()
        };
        let (hosts, addresses, ports) =
            (list(&self.hosts), list(&self.addresses), list(&self.ports));
        let count = hosts.len().max(addresses.len());
        let fits = |len: usize| len == 0 || len == count;
        if count == 0
            || !fits(hosts.len())
            || !fits(addresses.len())
            || !(fits(ports.len()) || ports.len() == 1)
        {
            return Err("must name a host, and as many ports as hosts or one".to_owned());
        }
        let server = |at: usize| {
            let address = match addresses.get(at).map(String::as_str) {
                None | Some("") => None,
                Some(text) => Some(
                    text.parse::<IpAddr>()
                        .map_err(|_| "has a hostaddr that is no IP address")?,
                ),
            };
            let host = hosts.get(at).filter(|host| !host.is_empty()).cloned();
            let host = host.or_else(|| address.map(|address| address.to_string()));
            let host = host.ok_or("must name a host")?;
            if host.starts_with(['/', '@']) {
                return Err("names a Unix socket: give a host such as localhost".to_owned());
            }
            if !host
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
            {
                return Err("names a host that cannot be one".to_owned());
            }
            let port = ports
                .get(at)
                .or_else(|| ports.first())
                .map_or("", String::as_str);
            let port = if port.is_empty() {
                5432
            } else {
                port.parse().map_err(|_| "has a port that is no number")?
            };
            Ok(Server {
                host,
                address,
                port,
            })
        };
        (0..count).map(server).collect()
    }
}

impl Server {
    fn is_loopback(&self) -> bool {
        let address = self.address.or_else(|| self.host.parse().ok());
        address.map_or(self.host == "localhost", |address| address.is_loopback())
    }
}

fn ssl_mode(value: &str) -> Result<SslMode, Unknown> {
    match value {
        "disable" => Ok(SslMode::Disable),
        "allow" | "prefer" => Ok(SslMode::Prefer),
        // Chain and host are always verified, so the stricter two need nothing more.
        "require" | "verify-ca" | "verify-full" => Ok(SslMode::Require),
        _ => Err(Unknown),
    }
}

fn channel_binding(value: &str) -> Result<ChannelBinding, Unknown> {
    match value {
        "disable" => Ok(ChannelBinding::Disable),
        "prefer" => Ok(ChannelBinding::Prefer),
        "require" => Ok(ChannelBinding::Require),
        _ => Err(Unknown),
    }
}

fn writable(value: &str) -> Result<bool, Unknown> {
    match value {
        "any" => Ok(false),
        "read-write" | "primary" => Ok(true),
        _ => Err(Unknown),
    }
}

fn flag(value: &str) -> Result<bool, Unknown> {
    match value {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(Unknown),
    }
}

/// A number; `None` where libpq reads zero or less as "no limit".
fn positive(value: &str) -> Result<Option<u64>, Unknown> {
    let number: i64 = value.parse().map_err(|_| Unknown)?;
    Ok(u64::try_from(number).ok().filter(|number| *number > 0))
}
