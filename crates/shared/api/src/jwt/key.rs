//! One key and the only algorithm it is used with. The key determines the algorithm, never the
//! token.
//!
//! The type of a key is read from its object identifiers (PEM) or its `kty` and `crv` (JWK). It is
//! never guessed from lengths: P-256, secp256k1 and brainpoolP256r1 have points of the same length,
//! and a key on the wrong curve would refuse every token without a reason.

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::crypto::verify;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};
use slipway_core::env::ConfigError;

use super::der::{CONTEXT_0, Der, OBJECT_IDENTIFIER, modulus_bits, rsa_public_key};

/// RFC 7518, section 3.2: a key for HS256 must be at least as long as the hash.
const MIN_SECRET_BYTES: usize = 32;

/// RFC 7518, section 3.3, requires at least 2048; `ring` verifies up to 8192.
const RSA_BITS: RangeInclusive<usize> = 2048..=8192;

/// 1.2.840.113549.1.1.1 (RFC 8017).
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.10045.2.1 (RFC 5480), with the curve as its parameter.
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.2.840.10045.3.1.7.
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// 1.3.132.0.34.
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
/// 1.3.101.112 (RFC 8410).
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

const KINDS: &str = "must be a PEM public key: RSA, EC (P-256 or P-384) or Ed25519";

/// The curves of EC keys.
#[derive(Clone, Copy)]
pub(super) enum Curve {
    P256,
    P384,
}

impl Curve {
    const fn algorithm(self) -> Algorithm {
        match self {
            Self::P256 => Algorithm::ES256,
            Self::P384 => Algorithm::ES384,
        }
    }

    /// The length of a coordinate.
    const fn bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }
}

/// A key that verifies signatures of one algorithm.
pub(super) struct Key {
    decoding: DecodingKey,
    pub(super) algorithm: Algorithm,
    /// Its name in a set of keys.
    pub(super) kid: Option<String>,
}

impl Key {
    /// Reads `JWT_SECRET`.
    pub(super) fn secret(secret: &str) -> Result<Self, ConfigError> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(ConfigError::new(
                "JWT_SECRET",
                "must be at least 32 bytes (RFC 7518, section 3.2)",
            ));
        }
        let decoding = DecodingKey::from_secret(secret.as_bytes());
        Ok(Self::new(decoding, Algorithm::HS256))
    }

    /// Reads `JWT_PUBLIC_KEY`: a public key or a certificate, in PEM.
    pub(super) fn public(pem: &str) -> Result<Self, ConfigError> {
        Self::from_pem(pem).map_err(|problem| ConfigError::new("JWT_PUBLIC_KEY", problem))
    }

    /// An RSA key of its modulus and public exponent.
    pub(super) fn rsa_components(n: &[u8], e: &[u8]) -> Result<Self, &'static str> {
        // `ring` refuses an even modulus only when it verifies a token, like every other invalid
        // modulus. Refuse it at init instead.
        if n.last().is_none_or(|last| last % 2 == 0) {
            return Err("is an RSA key whose n is even");
        }
        // `ring` accepts odd exponents from 3 to 2^33 - 1, and would refuse every token of another
        // key.
        let exponent = e
            .iter()
            .try_fold(0_u64, |value, byte| {
                Some(value.checked_mul(256)? + u64::from(*byte))
            })
            .filter(|e| (3..1 << 33).contains(e) && e % 2 == 1);
        let exponent =
            exponent.ok_or("is an RSA key whose e is not an odd number from 3 to 2^33")?;
        Self::rsa(&rsa_public_key(n, &exponent.to_be_bytes()))
    }

    /// An EC key from the coordinates of its point, which have their full length (RFC 7518, section
    /// 6.2.1.2).
    pub(super) fn ec_coordinates(curve: Curve, x: &[u8], y: &[u8]) -> Result<Self, &'static str> {
        if x.len() != curve.bytes() || y.len() != curve.bytes() {
            return Err(
                "is an EC key whose x or y is not as long as its curve asks for: 32 bytes on P-256, 48 on P-384",
            );
        }
        Ok(Self::ec_point(curve, &[&[4], x, y].concat()))
    }

    /// An Ed25519 key.
    pub(super) fn ed25519(x: &[u8]) -> Result<Self, &'static str> {
        if x.len() != 32 {
            return Err("is an Ed25519 key whose x is not 32 bytes");
        }
        Ok(Self::new(DecodingKey::from_ed_der(x), Algorithm::EdDSA))
    }

    /// The same key, named `kid`.
    pub(super) fn named(self, kid: Option<String>) -> Self {
        Self { kid, ..self }
    }

    const fn new(decoding: DecodingKey, algorithm: Algorithm) -> Self {
        Self {
            decoding,
            algorithm,
            kid: None,
        }
    }

    /// The claims of a token that this key signed, unchecked.
    ///
    /// The library's `decode` would check some of them as well, and would report a list in place of
    /// a number as a malformed token.
    pub(super) fn open(&self, token: &str) -> Option<Map<String, Value>> {
        let (message, signature) = token.rsplit_once('.')?;
        let signed = verify(
            signature,
            message.as_bytes(),
            &self.decoding,
            self.algorithm,
        );
        let (_, claims) = message
            .split_once('.')
            .filter(|_| signed.is_ok_and(|good| good))?;
        serde_json::from_slice(&base64url(claims)?).ok()
    }

    fn from_pem(text: &str) -> Result<Self, &'static str> {
        // Consoles and templates store one line, in which line breaks are two characters (`\n`).
        let text = text.replace("\\r", "").replace("\\n", "\n");
        let mut blocks = text.split("-----BEGIN ").skip(1);
        let block = blocks.next().ok_or(KINDS)?;
        if blocks.clone().any(is_private) || is_private(block) {
            return Err("holds a private key; give the public half");
        }
        if blocks.next().is_some() {
            return Err("holds more than one PEM block; give one public key");
        }
        let (label, rest) = block.split_once("-----").ok_or(KINDS)?;
        let (body, _) = rest
            .split_once(&format!("-----END {label}-----"))
            .ok_or(KINDS)?;
        let body: String = body.split_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| KINDS)?;
        match label {
            "PUBLIC KEY" => Self::from_info(Der(&der)),
            "CERTIFICATE" => Self::from_info(certified(&der).ok_or(KINDS)?),
            "RSA PUBLIC KEY" => Self::rsa(&der),
            _ => Err(KINDS),
        }
    }

    /// Reads a `SubjectPublicKeyInfo` (RFC 5280, section 4.1).
    fn from_info(mut der: Der<'_>) -> Result<Self, &'static str> {
        let mut info = der.sequence().ok_or(KINDS)?;
        let mut algorithm = info.sequence().ok_or(KINDS)?;
        let kind = algorithm.next(OBJECT_IDENTIFIER).ok_or(KINDS)?;
        let key = info.bits().ok_or(KINDS)?;
        match kind {
            RSA => Self::rsa(key),
            EC => Self::ec(algorithm.next(OBJECT_IDENTIFIER), key),
            ED25519 => Self::ed25519(key).map_err(|_| KINDS),
            _ => Err(KINDS),
        }
    }

    fn rsa(key: &[u8]) -> Result<Self, &'static str> {
        // Other keys would be accepted here, and every token refused.
        if !modulus_bits(key).is_some_and(|bits| RSA_BITS.contains(&bits)) {
            return Err(
                "is an RSA key of fewer than 2048 or more than 8192 bits; make one of 2048 (RFC 7518, section 3.3)",
            );
        }
        Ok(Self::new(DecodingKey::from_rsa_der(key), Algorithm::RS256))
    }

    /// `curve` is absent if the key gives its curve as explicit parameters.
    fn ec(curve: Option<&[u8]>, point: &[u8]) -> Result<Self, &'static str> {
        let curve = match curve {
            Some(P256) => Curve::P256,
            Some(P384) => Curve::P384,
            _ => {
                return Err(
                    "is an EC key on a curve other than P-256 and P-384 (secp256k1 and brainpool are not supported); make one on P-256",
                );
            }
        };
        if point.len() != 1 + 2 * curve.bytes() || point.first() != Some(&4) {
            return Err("is an EC key whose point is compressed; write it uncompressed");
        }
        Ok(Self::ec_point(curve, point))
    }

    /// `point` is uncompressed.
    fn ec_point(curve: Curve, point: &[u8]) -> Self {
        Self::new(DecodingKey::from_ec_der(point), curve.algorithm())
    }
}

/// Bytes in base64url without padding, as all of JOSE spells them.
pub(super) fn base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Returns whether `name` is that algorithm. `EdDSA` on Ed25519 also has its own name since RFC
/// 9864.
pub(super) fn is_named(algorithm: Algorithm, name: &str) -> bool {
    match algorithm {
        Algorithm::HS256 => name == "HS256",
        Algorithm::RS256 => name == "RS256",
        Algorithm::ES256 => name == "ES256",
        Algorithm::ES384 => name == "ES384",
        Algorithm::EdDSA => ["EdDSA", "Ed25519"].contains(&name),
        _ => false,
    }
}

fn is_private(block: &str) -> bool {
    block
        .split_once("-----")
        .is_some_and(|(label, _)| label.ends_with("PRIVATE KEY"))
}

/// The `SubjectPublicKeyInfo` in a certificate: the sixth field, after a version that may be
/// absent.
fn certified(der: &[u8]) -> Option<Der<'_>> {
    let mut fields = Der(der).sequence()?.sequence()?;
    let _version = fields.next(CONTEXT_0);
    for _ in ["serial", "signature", "issuer", "validity", "subject"] {
        fields.any()?;
    }
    Some(fields)
}
