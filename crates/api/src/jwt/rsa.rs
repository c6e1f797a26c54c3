//! How large an RSA key is: what verifies signatures tells that only by refusing all of them.

/// The bits of the modulus of an `RSAPublicKey` (RFC 8017, appendix A.1.1), in DER.
pub(super) fn modulus_bits(key: &[u8]) -> Option<usize> {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;
    let modulus = value(INTEGER, value(SEQUENCE, key)?)?;
    // A zero in front says that the number is not negative.
    let first = modulus.iter().position(|byte| *byte != 0)?;
    let digits = modulus.get(first..)?;
    Some(digits.len() * 8 - digits.first()?.leading_zeros() as usize)
}

/// The contents of the value that `der` begins with, if it has this tag.
fn value(tag: u8, der: &[u8]) -> Option<&[u8]> {
    let (head, rest) = der.split_at_checked(2)?;
    let [found, length] = head else { return None };
    if *found != tag {
        return None;
    }
    if *length < 0x80 {
        return rest.get(..usize::from(*length));
    }
    // Longer ones say first how many bytes their length has.
    let (length, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
    let length = length.iter().try_fold(0_usize, |sum, byte| {
        sum.checked_mul(256)?.checked_add(usize::from(*byte))
    })?;
    rest.get(..length)
}
