//! The checksums that S3 verifies, stores and returns.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto::{ChecksumAlgorithm, ChecksumType};
use s3s::{S3ErrorCode, S3Result};
use serde::{Deserialize, Serialize};

use super::fault::refuse;

/// The algorithms of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// A checksum and its type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sum {
    pub(super) algorithm: Algorithm,
    /// Base64, followed by `-N` if it is composite.
    pub(super) value: String,
    /// A checksum of the parts' checksums instead of the bytes.
    pub(super) composite: bool,
}

impl Sum {
    pub(super) fn kind(&self) -> ChecksumType {
        let kind = if self.composite {
            ChecksumType::COMPOSITE
        } else {
            ChecksumType::FULL_OBJECT
        };
        ChecksumType::from_static(kind)
    }
}

impl Algorithm {
    const ALL: [Self; 5] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    pub(super) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The algorithm of `x-amz-checksum-algorithm`.
    pub(super) fn parse(given: &ChecksumAlgorithm) -> S3Result<Self> {
        let found = Self::ALL
            .into_iter()
            .find(|a| a.name().eq_ignore_ascii_case(given.as_str()));
        found.ok_or_else(|| {
            refuse(
                S3ErrorCode::InvalidRequest,
                "Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]",
            )
        })
    }
}

/// The checksum that a request sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    /// None.
    None,
    /// In a header.
    Header(Algorithm, String),
    /// In a trailer, which is known after the body.
    Trailer(Algorithm),
}

impl Claim {
    /// Reads the checksum of a request, which may have at most one.
    pub(super) fn read(headers: &HeaderMap) -> S3Result<Self> {
        let trailers = headers.get_all("x-amz-trailer");
        let announced = |name: &str| {
            let mut names = trailers
                .iter()
                .filter_map(|t| t.to_str().ok())
                .flat_map(|t| t.split(','));
            names.any(|trailer| trailer.trim().eq_ignore_ascii_case(name))
        };
        let mut claims = Algorithm::ALL.into_iter().filter_map(|algorithm| {
            let header = headers
                .get(algorithm.header())
                .map(|v| v.to_str().unwrap_or("").to_owned());
            match header {
                Some(value) => Some(Self::Header(algorithm, value)),
                None => announced(algorithm.header()).then_some(Self::Trailer(algorithm)),
            }
        });
        let claim = claims.next().unwrap_or(Self::None);
        if claims.next().is_some() {
            return Err(refuse(
                S3ErrorCode::InvalidRequest,
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
        if let Self::Header(algorithm, value) = &claim {
            well_formed(*algorithm, value)?;
        }
        Ok(claim)
    }

    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        match self {
            Self::None => None,
            Self::Header(algorithm, _) | Self::Trailer(algorithm) => Some(*algorithm),
        }
    }
}

/// Refuses a value that cannot be a checksum of this algorithm.
pub(super) fn well_formed(algorithm: Algorithm, value: &str) -> S3Result<()> {
    if STANDARD
        .decode(value)
        .is_ok_and(|bytes| bytes.len() == algorithm.length())
    {
        return Ok(());
    }
    let message = format!("Value for {} header is invalid.", algorithm.header());
    Err(s3s::S3Error::with_message(
        S3ErrorCode::InvalidRequest,
        message,
    ))
}

/// A checksum that is being computed.
pub(super) enum Hasher {
    Crc32(Crc32),
    Crc32c(Crc32c),
    Crc64Nvme(Crc64Nvme),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hasher {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Crc32 => Self::Crc32(Crc32::new()),
            Algorithm::Crc32c => Self::Crc32c(Crc32c::new()),
            Algorithm::Crc64Nvme => Self::Crc64Nvme(Crc64Nvme::new()),
            Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc32(hasher) => hasher.update(bytes),
            Self::Crc32c(hasher) => hasher.update(bytes),
            Self::Crc64Nvme(hasher) => hasher.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }

    /// The checksum of all bytes so far, as a checksum of the full object.
    pub(super) fn finish(self) -> Sum {
        let (algorithm, value) = match self {
            Self::Crc32(hasher) => (Algorithm::Crc32, STANDARD.encode(hasher.finalize())),
            Self::Crc32c(hasher) => (Algorithm::Crc32c, STANDARD.encode(hasher.finalize())),
            Self::Crc64Nvme(hasher) => (Algorithm::Crc64Nvme, STANDARD.encode(hasher.finalize())),
            Self::Sha1(hasher) => (Algorithm::Sha1, STANDARD.encode(hasher.finalize())),
            Self::Sha256(hasher) => (Algorithm::Sha256, STANDARD.encode(hasher.finalize())),
        };
        Sum {
            algorithm,
            value,
            composite: false,
        }
    }
}

/// Sets the field of an output that belongs to the checksum's algorithm.
macro_rules! show_checksum {
    ($output:expr, $sum:expr) => {
        if let Some(sum) = $sum {
            let value = Some(sum.value.clone());
            match sum.algorithm {
                $crate::s3::checksum::Algorithm::Crc32 => $output.checksum_crc32 = value,
                $crate::s3::checksum::Algorithm::Crc32c => $output.checksum_crc32c = value,
                $crate::s3::checksum::Algorithm::Crc64Nvme => $output.checksum_crc64nvme = value,
                $crate::s3::checksum::Algorithm::Sha1 => $output.checksum_sha1 = value,
                $crate::s3::checksum::Algorithm::Sha256 => $output.checksum_sha256 = value,
            }
        }
    };
}
pub(super) use show_checksum;
