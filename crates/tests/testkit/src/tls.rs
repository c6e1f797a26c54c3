//! A certificate authority of a test, and the certificates that it signs.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use slipway_emulators::capture;
use tempfile::TempDir;

/// An authority that only programs trust which are configured with its root.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Authority {
    /// Creates an authority.
    #[must_use]
    pub fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Each authority has a name of its own, because a certificate with the name of its issuer
        // counts as self-signed.
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "Slipway test authority");
        let certificate = params.self_signed(&key).expect("a certificate");
        let folder = TempDir::new().expect("a folder");
        std::fs::write(
            folder.path().join("ca.pem"),
            pem("CERTIFICATE", certificate.der()),
        )
        .expect("a file");
        Self {
            issuer: Issuer::new(params, key),
            folder,
        }
    }

    /// The path of the root as a PEM file.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        Path::join(self.folder.path(), "ca.pem")
    }

    /// A folder with the root under the file name by which OpenSSL finds it: see certs/README.md.
    #[cfg(not(target_vendor = "apple"))]
    #[must_use]
    pub fn hashed(&self) -> PathBuf {
        let pem = std::fs::read(self.path()).expect("the certificate");
        let folder = Path::join(self.folder.path(), "roots");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(root_file_name(&pem)), pem).expect("a file");
        folder
    }

    /// The certificate and the key, as PEM, of a server with these `names` (DNS names or IP
    /// addresses).
    #[must_use]
    pub fn sign(&self, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names).expect("names");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = pem("PRIVATE KEY", &key.serialize_der());
        // Note each line, since log lines never contain line breaks.
        key.lines().skip(1).for_each(capture::secret);
        (pem("CERTIFICATE", certificate.der()), key)
    }
}

/// The file name by which OpenSSL finds this root in a folder of `SSL_CERT_DIR`: the hash of its
/// subject and a number.
#[cfg(not(target_vendor = "apple"))]
#[must_use]
pub fn root_file_name(pem: &[u8]) -> String {
    let certificate = openssl::x509::X509::from_pem(pem).expect("a certificate");
    format!("{:08x}.0", certificate.subject_name_hash())
}

/// Encodes PEM (RFC 7468).
fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem + &format!("-----END {label}-----\n")
}
