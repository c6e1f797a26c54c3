//! Checksums in S3's format, which is base64: SHA-256 has 32 bytes, CRC-64/NVME has 8.

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

/// The CRC-64/NVME of a whole object, which S3 keeps of uploads that name no other checksum. It is
/// never composite: S3 combines the values of the parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crc64Nvme(pub [u8; 8]);

impl Crc64Nvme {
    /// Parses canonical base64 of exactly 8 bytes, the most significant first.
    #[must_use]
    pub fn from_base64(text: &str) -> Option<Self> {
        STANDARD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// The base64 form of the `x-amz-checksum-crc64nvme` header and of the API.
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
        let crc = "rosUhgp5mIg=";
        let parsed = Crc64Nvme::from_base64(crc).map(Crc64Nvme::to_base64);
        assert_eq!(parsed.as_deref(), Some(crc));
        for other in ["", "rosUhgp5mIg", "rosUhgp5mIh=", "rosUhgp5mA==", text] {
            assert_eq!(Crc64Nvme::from_base64(other), None, "{other}");
        }
        let composite = format!("{text}-3");
        assert_eq!(Sha256::from_base64(&composite), None);
    }
}
