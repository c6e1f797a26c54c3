//! AWS partitions, as far as host names need them: the DNS suffix of the endpoints of a region.
//!
//! Signing must not link the AWS SDK, so its partition data is repeated here. A test of
//! `slipway-s3-urls` compares this table with the SDK's own data for every partition, every region
//! and regions that do not exist yet.

/// Prefixes of region names (`prefix-place-number`) and the DNS suffix of their partition. All
/// other regions, `us-gov` included, have `amazonaws.com`.
const DOMAINS: [(&str, &str); 6] = [
    ("cn", "amazonaws.com.cn"),
    ("eusc-de", "amazonaws.eu"),
    ("us-iso", "c2s.ic.gov"),
    ("us-isob", "sc2s.sgov.gov"),
    ("eu-isoe", "cloud.adc-e.uk"),
    ("us-isof", "csp.hci.ic.gov"),
];

/// The domain of a region's endpoints: `amazonaws.com`, or that of another partition.
#[must_use]
pub fn dns_suffix(region: &str) -> &'static str {
    partition(region)
        .and_then(|prefix| DOMAINS.iter().find(|(known, _)| *known == prefix))
        .map_or("amazonaws.com", |(_, suffix)| suffix)
}

/// `prefix` of `prefix-place-number`.
fn partition(region: &str) -> Option<&str> {
    let (rest, number) = region.rsplit_once('-')?;
    let (prefix, place) = rest.rsplit_once('-')?;
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let fits = !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && !place.is_empty()
        && place.bytes().all(is_word);
    fits.then_some(prefix)
}

/// Returns whether `region` is valid within a host name.
#[must_use]
pub fn is_host_label(region: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&region.len())
        && region.bytes().all(inner)
        && !region.starts_with('-')
        && !region.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        for fine in ["eu-central-1", "auto", "x", "1"] {
            assert!(is_host_label(fine), "{fine}");
        }
        for bad in ["", "a b", "-a", "a-", "a.b", "eu-central-1/", "ä"] {
            assert!(!is_host_label(bad), "{bad}");
        }
    }
}
