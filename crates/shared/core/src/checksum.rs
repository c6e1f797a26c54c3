//! SHA-256 checksums in S3's format: base64 of 32 bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The SHA-256 of a whole object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sha256(pub [u8; 32]);

impl Sha256 {
    /// Parses canonical base64 of exactly 32 bytes. Composite checksums (`…-3`) are refused.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// The base64 form of the `x-amz-checksum-sha256` header and of the API.
    #[must_use]
    pub fn to_base64(self) -> String {
        STANDARD.encode(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_32_bytes_of_canonical_base64() {
        let text = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(
            Sha256::from_base64(text).map(Sha256::to_base64).as_deref(),
            Some(text)
        );
        for other in [
            "",
            "AAAA",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
            "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=",
        ] {
            assert_eq!(Sha256::from_base64(other), None, "{other}");
        }
        let composite = format!("{text}-3");
        assert_eq!(Sha256::from_base64(&composite), None);
    }
}
