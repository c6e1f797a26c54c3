//! Parses `postgres://user:password@host:port,host/dbname?key=value` into options.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::options::Options;

const SPECIAL: &str =
    "; write special characters of the password as %XX (@ is %40, / is %2F, ? is %3F)";

/// The part after `postgres://`, and after `postgresql+asyncpg://` and `jdbc:postgresql://`.
pub(super) fn scheme(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = scheme.strip_prefix("jdbc:").unwrap_or(scheme);
    let scheme = scheme
        .split_once('+')
        .map_or(scheme, |(scheme, _driver)| scheme);
    matches!(scheme, "postgres" | "postgresql").then_some(rest)
}

/// Returns whether `text` is a URL with another scheme. A password may contain `://` as well.
pub(super) fn is_other(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(scheme, _)| !scheme.contains('='))
}

/// The error, with advice for users who copied the URL of a Java program: such a URL often has no
/// user.
pub(super) fn hinted(text: &str, problem: String) -> String {
    if text.starts_with("jdbc:") {
        return format!(
            "{problem}. It is a JDBC URL: write postgres://USER:PASSWORD@HOST:PORT/DATABASE in its place"
        );
    }
    problem
}

/// The options in the part after `postgres://`.
pub(super) fn options(rest: &str) -> Result<Options, String> {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, dbname) = place.split_once('/').unwrap_or((place, ""));
    // An unescaped slash or question mark in a password would end it early, and the rest would be
    // parsed as host and options.
    if dbname.contains('@') || query.contains('@') {
        return Err(format!("has an @ where none belongs{SPECIAL}"));
    }
    let mut options = Options::default();
    let hosts = match authority.rsplit_once('@') {
        Some((who, hosts)) => {
            let (user, password) = who
                .split_once(':')
                .map_or((who, None), |(u, p)| (u, Some(p)));
            options.add("user", &decoded(user)?);
            if let Some(password) = password {
                options.add("password", &decoded(password)?);
            }
            hosts
        }
        None => authority,
    };
    if !hosts.is_empty() {
        let (names, ports) = host_list(hosts)?;
        options.add("host", &names.join(","));
        options.add("port", &ports.join(","));
    }
    if !dbname.is_empty() {
        options.add("dbname", &decoded(dbname)?);
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("has an option without a value{SPECIAL}"))?;
        options.add(&decoded(key)?, &decoded(value)?);
    }
    Ok(options)
}

/// Splits `a:1,[::1]:2` into names and ports. A missing port is empty.
fn host_list(hosts: &str) -> Result<(Vec<String>, Vec<String>), String> {
    let mut names = Vec::new();
    let mut ports = Vec::new();
    for host in hosts.split(',') {
        let (name, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
            Some((name, "")) => (name, ""),
            Some((name, port)) => (name, port.strip_prefix(':').unwrap_or("?")),
            None => host.rsplit_once(':').unwrap_or((host, "")),
        };
        names.push(decoded(name)?.into_owned());
        ports.push(port.to_owned());
    }
    Ok((names, ports))
}

fn decoded(text: &str) -> Result<Cow<'_, str>, String> {
    percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| "holds bytes that are not UTF-8".to_owned())
}
