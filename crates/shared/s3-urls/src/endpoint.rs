//! The address of an S3-compatible server, as consoles and documentation show it.
//!
//! Providers show their address with the bucket in the path (`https://host/bucket`), with the
//! bucket in the host (`https://bucket.host`), or without it. A signed URL is only valid for the
//! host and the path that the server sees, so a wrong guess shows up as `SignatureDoesNotMatch` or
//! `NoSuchBucket` at the first upload. Addresses with one meaning are normalised here. All others
//! fail at init with the value to use. A bucket in the host is refused, because a server may be
//! named like its bucket. The address of such a server must include the bucket:
//! `https://files.example.com/files`.

use std::net::{IpAddr, Ipv6Addr};

/// The form of an address, if there is no better suggestion.
const FORM: &str = "https://host[:port]";

/// A normalised endpoint: without the bucket, a default port, or a trailing slash.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) scheme: &'static str,
    /// The `Host` header: in lower case, with the port unless it is the scheme's own.
    pub(crate) host: String,
    /// Empty, or with a slash in front.
    pub(crate) path: String,
}

impl Endpoint {
    /// Parses the address of the server of `bucket`. An error contains the value to use instead.
    pub(crate) fn parse(text: &str, bucket: &str) -> Result<Self, String> {
        let text = text.trim();
        let Some((scheme, rest)) = text.split_once("://") else {
            if text.contains('@') {
                return Err(problem(FORM));
            }
            let scheme = if is_private(name(text)) {
                "http"
            } else {
                "https"
            };
            return Err(problem(&format!("{scheme}://{text}")));
        };
        let scheme = scheme.to_ascii_lowercase();
        // This check comes first, because no message below may repeat a secret. A secret may
        // contain a slash.
        if let Some((_, address)) = rest.rsplit_once('@') {
            let scheme = if scheme == "http" { "http" } else { "https" };
            let instead = problem(&format!("{scheme}://{address}"));
            return Err(format!(
                "{instead}, and the credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ));
        }
        let (scheme, default_port) = match scheme.as_str() {
            "http" => ("http", ":80"),
            "https" => ("https", ":443"),
            _ => return Err(problem(&format!("https://{rest}"))),
        };
        if let Some((address, _)) = rest.split_once(['?', '#']) {
            return Err(problem(&format!("{scheme}://{address}")));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let authority = authority.to_ascii_lowercase();
        if !is_authority(&authority) {
            return Err(problem(FORM));
        }
        // Clients leave a default port out of the Host header, which is signed.
        let host = authority.strip_suffix(default_port).unwrap_or(&authority);
        let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let (path, by_path) = match path.split_last() {
            Some((last, above)) if *last == bucket => (above, true),
            _ => (path.as_slice(), false),
        };
        let joined: String = path.iter().flat_map(|part| ["/", part]).collect();
        let in_host = host
            .strip_prefix(bucket)
            .and_then(|rest| rest.strip_prefix('.'));
        if let Some(without) = in_host.filter(|_| !by_path && !is_address(name(host))) {
            let instead = problem(&format!("{scheme}://{without}{joined}"));
            return Err(format!(
                "{instead}, without the bucket, which is added to the path (if the server itself has that name: {scheme}://{host}{joined}/{bucket})"
            ));
        }
        if scheme == "http" && !is_private(name(host)) {
            let instead = problem(&format!("https://{host}{joined}"));
            return Err(format!(
                "{instead}: http is for loopback and private networks, since files and signed URLs travel in clear text"
            ));
        }
        Ok(Self {
            scheme,
            host: host.to_owned(),
            path: joined,
        })
    }
}

fn problem(instead: &str) -> String {
    format!("must be {instead}")
}

/// The host of an authority, without a port.
fn name(authority: &str) -> &str {
    let authority = authority.split('/').next().unwrap_or_default();
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn is_authority(authority: &str) -> bool {
    let host = name(authority);
    let port = authority.strip_prefix(host).unwrap_or_default();
    let port_fits = port
        .strip_prefix(':')
        .is_none_or(|port| port.parse::<u16>().is_ok());
    let known = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    port_fits && (is_address(host) || (!host.is_empty() && host.bytes().all(known)))
}

fn address(host: &str) -> Option<IpAddr> {
    let v6 = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match v6 {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

fn is_address(host: &str) -> bool {
    address(host).is_some()
}

/// Returns whether `host` is loopback or in a private network: a name without a dot, as in Docker,
/// or under a suffix that public DNS never has (RFC 6761, 6762, 8375 and ICANN's `internal`).
fn is_private(host: &str) -> bool {
    match address(host) {
        Some(IpAddr::V4(v4)) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        Some(IpAddr::V6(v6)) => {
            v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local()
        }
        None => {
            let suffixes = [
                ".localhost",
                ".local",
                ".internal",
                ".home.arpa",
                ".test",
                ".lan",
            ];
            !host.contains('.') || suffixes.iter().any(|suffix| host.ends_with(suffix))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let parsed = Endpoint::parse(text, "photos");
        let parsed = parsed.map(|endpoint| {
            let Endpoint { scheme, host, path } = endpoint;
            format!("{scheme}://{host}{path}")
        });
        assert_eq!(
            parsed.as_deref().map_err(String::as_str),
            expected,
            "{text}"
        );
    }

    #[test]
    fn what_has_one_meaning_is_normalised() {
        for (text, is) in [
            ("https://s3.example.com", "https://s3.example.com"),
            (" https://s3.example.com// ", "https://s3.example.com"),
            ("HTTPS://S3.Example.com:443/", "https://s3.example.com"),
            ("https://s3.example.com:9000", "https://s3.example.com:9000"),
            ("http://127.0.0.1:80", "http://127.0.0.1"),
            ("http://[::1]:9000/", "http://[::1]:9000"),
            // As consoles show it, with the bucket in the path. Paths are case-sensitive.
            (
                "https://0a1b.r2.cloudflarestorage.com/photos",
                "https://0a1b.r2.cloudflarestorage.com",
            ),
            (
                "https://x.supabase.co/storage/v1/s3/",
                "https://x.supabase.co/storage/v1/s3",
            ),
            (
                "https://x.supabase.co/storage/v1/s3/photos/",
                "https://x.supabase.co/storage/v1/s3",
            ),
            ("https://example.com/Photos", "https://example.com/Photos"),
            // A server that is named like its bucket, and one whose name starts with the bucket's.
            (
                "https://photos.example.com/photos",
                "https://photos.example.com",
            ),
            (
                "https://photos-eu.example.com",
                "https://photos-eu.example.com",
            ),
            ("http://photos:9000", "http://photos:9000"),
            // Private networks.
            ("http://minio:9000", "http://minio:9000"),
            ("http://10.0.0.7:3900", "http://10.0.0.7:3900"),
            (
                "http://garage.svc.cluster.local:3900",
                "http://garage.svc.cluster.local:3900",
            ),
            ("http://[fd00::1]:9000", "http://[fd00::1]:9000"),
        ] {
            check(text, Ok(is));
        }
    }

    #[test]
    fn the_rest_is_refused_with_the_value_to_use() {
        let clear = "http is for loopback and private networks, since files and signed URLs travel in clear text";
        let host = |without: &str, with: &str| {
            format!(
                "must be {without}, without the bucket, which is added to the path (if the server itself has that name: {with})"
            )
        };
        let at_host = "must be https://host[:port]";
        assert_eq!(at_host, problem(FORM));
        for (text, problem) in [
            (
                "https://photos.fra1.digitaloceanspaces.com",
                host("https://fra1.digitaloceanspaces.com", "https://photos.fra1.digitaloceanspaces.com/photos"),
            ),
            (
                "https://Photos.s3.eu-west-1.amazonaws.com:443/",
                host("https://s3.eu-west-1.amazonaws.com", "https://photos.s3.eu-west-1.amazonaws.com/photos"),
            ),
            (
                "http://photos.localhost:9000",
                host("http://localhost:9000", "http://photos.localhost:9000/photos"),
            ),
            ("http://s3.example.com", format!("must be https://s3.example.com: {clear}")),
            ("http://203.0.113.7:9000", format!("must be https://203.0.113.7:9000: {clear}")),
            (
                "s3://id:sec/ret@s3.example.com",
                "must be https://s3.example.com, and the credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                    .to_owned(),
            ),
            (
                "https://id:secret@s3.example.com?x",
                "must be https://s3.example.com?x, and the credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                    .to_owned(),
            ),
            ("s3.example.com", "must be https://s3.example.com".to_owned()),
            ("127.0.0.1:9000", "must be http://127.0.0.1:9000".to_owned()),
            ("localhost:9000/photos", "must be http://localhost:9000/photos".to_owned()),
            ("s3://photos", "must be https://photos".to_owned()),
            ("https://s3.example.com/?region=auto", "must be https://s3.example.com/".to_owned()),
            (
                "https://id:secret@s3.example.com",
                "must be https://s3.example.com, and the credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned(),
            ),
            ("id:secret@s3.example.com", at_host.to_owned()),
            ("http://", at_host.to_owned()),
            ("https://s3.example.com:99999", at_host.to_owned()),
            ("https://s3 .example.com", at_host.to_owned()),
            ("https://\"s3.example.com\"", at_host.to_owned()),
        ] {
            check(text, Err(&problem));
        }
    }

    #[test]
    fn an_address_does_not_have_the_bucket_in_front() {
        let endpoint = Endpoint::parse("http://127.0.0.1:9000", "127");
        assert_eq!(
            endpoint.map(|endpoint| endpoint.host),
            Ok("127.0.0.1:9000".to_owned())
        );
    }
}
