//! The trusted certificates, read once.

use std::path::Path;

use native_tls::{Certificate, TlsConnector};
use postgres_native_tls::set_postgresql_alpn;
use slipway_core::env::ConfigError;
use tokio_postgres::config::{SslMode, SslNegotiation};

use crate::config::{self, Config};

/// A connector that verifies chain and host; `None` for a plain connection.
pub(crate) struct Tls(pub(crate) Option<TlsConnector>);

impl Tls {
    /// Reads `sslrootcert`, or the system's certificate authorities (`SSL_CERT_FILE`, if set).
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        if config.login.get_ssl_mode() == SslMode::Disable {
            return Ok(Self(None));
        }
        let problem = |what: String| ConfigError::new(config::VARIABLE, what);
        let roots = config.root_certificates.as_deref();
        let roots = roots.map(certificates).transpose().map_err(problem)?;
        let is_direct = config.login.get_ssl_negotiation() == SslNegotiation::Direct;
        let connector = match (&roots, is_direct) {
            (None, false) => slipway_https::tls(),
            (roots, is_direct) => own(roots.as_deref(), is_direct),
        };
        let connector = connector
            .map_err(|error| problem(format!("asks for TLS, which cannot start: {error}")))?;
        Ok(Self(Some(connector)))
    }
}

/// A connector that trusts only these roots, if given. It sends the protocol name (ALPN) for
/// servers that listen for several protocols: with `sslnegotiation=direct`, Postgres requires it.
fn own(roots: Option<&[Certificate]>, is_direct: bool) -> native_tls::Result<TlsConnector> {
    let mut builder = TlsConnector::builder();
    if let Some(roots) = roots {
        builder.disable_built_in_roots(true);
        for root in roots {
            builder.add_root_certificate(root.clone());
        }
    }
    if is_direct {
        set_postgresql_alpn(&mut builder);
    }
    builder.build()
}

/// The reason why a certificate was refused, as a sentence; `None` if `error` has another cause.
///
/// `native-tls` has no type for it, so the message is parsed: that of OpenSSL and of AWS-LC, with
/// the reason of the verification in parentheses.
pub(crate) fn distrust(error: &str) -> Option<String> {
    let error = error.to_ascii_lowercase();
    if !error.contains("certificate verify failed") && !error.contains("certificate_verify_failed")
    {
        return None;
    }
    let reason = error
        .rsplit_once('(')
        .and_then(|(_, reason)| reason.split_once(')'))
        .map(|(reason, _)| reason)
        .unwrap_or_default();
    let says = |words: &[&str]| words.iter().any(|word| reason.contains(word));
    let sentence = if says(&["hostname mismatch", "ip address mismatch"]) {
        "the certificate of Postgres is for another host name than the connection string has"
    } else if says(&["expired"]) {
        "the certificate of Postgres, or of its authority, has expired"
    } else if says(&["not yet valid"]) {
        "the certificate of Postgres is not valid yet: is the clock right?"
    } else {
        "the certificate of Postgres is from an authority that is not trusted here: add the CA certificate of your \
         provider, as docs/deploy.md says for each"
    };
    Some(if reason.is_empty() {
        sentence.to_owned()
    } else {
        format!("{sentence} ({reason})")
    })
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, String> {
    let pem = std::fs::read(path)
        .map_err(|error| format!("names an sslrootcert that cannot be read: {error}"))?;
    match Certificate::stack_from_pem(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err("names an sslrootcert that holds no PEM certificate".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_libraries_are_understood() {
        let openssl = "error performing TLS handshake: error:0A000086:SSL routines:\
            tls_post_process_server_certificate:certificate verify failed:../ssl/statem/statem_clnt.c:2103:";
        let aws_lc = "error performing TLS handshake: [error:1000007d:SSL routines:OPENSSL_internal:\
            CERTIFICATE_VERIFY_FAILED]";
        for library in [openssl, aws_lc] {
            for (reason, said) in [
                (
                    "self-signed certificate in certificate chain",
                    "authority that is not trusted",
                ),
                ("self signed certificate", "authority that is not trusted"),
                (
                    "unable to get local issuer certificate",
                    "authority that is not trusted",
                ),
                ("Hostname mismatch", "another host name"),
                ("IP address mismatch", "another host name"),
                ("certificate has expired", "has expired"),
                ("certificate is not yet valid", "clock"),
            ] {
                let sentence = distrust(&format!("{library} ({reason})")).expect("understood");
                assert!(sentence.contains(said), "{sentence}");
                assert!(
                    sentence.contains(&reason.to_ascii_lowercase()),
                    "{sentence}"
                );
                assert!(!sentence.contains("SSL routines"), "{sentence}");
            }
            let sentence = distrust(library).expect("understood");
            assert!(sentence.contains("authority"), "{sentence}");
        }
        assert_eq!(
            distrust("error performing TLS handshake: unexpected EOF"),
            None
        );
    }
}
