//! Whom to trust, read once.

use std::path::Path;

use native_tls::{Certificate, TlsConnector};
use slipway_core::env::ConfigError;
use tokio_postgres::config::SslMode;

use crate::config::{self, Config};

/// A connector that verifies chain and host; none where the connection is plain.
pub(crate) struct Tls(pub(crate) Option<TlsConnector>);

impl Tls {
    /// Reads `sslrootcert`, or what the system trusts (`SSL_CERT_FILE`, if set).
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        if config.login.get_ssl_mode() == SslMode::Disable {
            return Ok(Self(None));
        }
        let problem = |what: String| ConfigError::new(config::VARIABLE, what);
        let connector = match &config.root_certificates {
            Some(path) => trusting(&certificates(path).map_err(problem)?),
            None => slipway_https::tls(),
        };
        let connector = connector
            .map_err(|error| problem(format!("asks for TLS, which cannot start: {error}")))?;
        Ok(Self(Some(connector)))
    }
}

/// A connector that trusts these and nobody else.
fn trusting(roots: &[Certificate]) -> native_tls::Result<TlsConnector> {
    let mut builder = TlsConnector::builder();
    builder.disable_built_in_roots(true);
    for root in roots {
        builder.add_root_certificate(root.clone());
    }
    builder.build()
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, String> {
    let pem = std::fs::read(path)
        .map_err(|error| format!("names an sslrootcert that cannot be read: {error}"))?;
    match Certificate::stack_from_pem(&pem) {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err("names an sslrootcert that holds no PEM certificate".to_owned()),
    }
}
