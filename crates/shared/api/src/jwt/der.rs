//! Reads and writes DER (X.690), as far as public keys need it: values in a row, each with a tag
//! and a length.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
/// `[0] EXPLICIT`, the version of a certificate.
pub(super) const CONTEXT_0: u8 = 0xa0;

/// The values that are still to be read.
#[derive(Clone, Copy)]
pub(super) struct Der<'a>(pub(super) &'a [u8]);

impl<'a> Der<'a> {
    /// The contents of the next value, if it has this tag. Otherwise nothing is consumed.
    pub(super) fn next(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut rest = *self;
        let (found, contents) = rest.any()?;
        if found != tag {
            return None;
        }
        *self = rest;
        Some(contents)
    }

    /// The values inside the next one, which must be a sequence.
    pub(super) fn sequence(&mut self) -> Option<Self> {
        self.next(SEQUENCE).map(Der)
    }

    /// The bits of a string that has whole bytes.
    pub(super) fn bits(&mut self) -> Option<&'a [u8]> {
        match self.next(BIT_STRING)? {
            [0, bits @ ..] => Some(bits),
            _ => None,
        }
    }

    /// The tag and the contents of the next value.
    pub(super) fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let ([tag, length], rest) = self.0.split_first_chunk()?;
        let (length, rest) = if *length < 0x80 {
            (usize::from(*length), rest)
        } else {
            // Longer values first state the number of bytes of their length.
            let (length, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            let length = length.iter().try_fold(0_usize, |sum, byte| {
                sum.checked_mul(256)?.checked_add(usize::from(*byte))
            })?;
            (length, rest)
        };
        let (contents, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, contents))
    }
}

/// The bits of the modulus of an `RSAPublicKey` (RFC 8017, appendix A.1.1).
pub(super) fn modulus_bits(key: &[u8]) -> Option<usize> {
    let modulus = Der(key).sequence()?.next(INTEGER)?;
    // A leading zero marks the number as not negative.
    let first = modulus.iter().position(|byte| *byte != 0)?;
    let digits = modulus.get(first..)?;
    Some(digits.len() * 8 - digits.first()?.leading_zeros() as usize)
}

/// An `RSAPublicKey` of big-endian numbers, which may have zeros in front.
pub(super) fn rsa_public_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let numbers = [unsigned(modulus), unsigned(exponent)].concat();
    value(SEQUENCE, &numbers)
}

/// An `INTEGER` that is not negative.
fn unsigned(number: &[u8]) -> Vec<u8> {
    let digits = number.iter().position(|byte| *byte != 0);
    let digits = digits.and_then(|first| number.get(first..));
    // The first bit is the sign, and zero itself has one byte.
    match digits {
        Some(digits) if digits.first().is_some_and(|first| *first < 0x80) => value(INTEGER, digits),
        digits => value(INTEGER, &[&[0], digits.unwrap_or_default()].concat()),
    }
}

fn value(tag: u8, contents: &[u8]) -> Vec<u8> {
    // Two bytes are enough: no key here is longer than 64 KB.
    let [.., high, low] = contents.len().to_be_bytes();
    let head = match (high, low) {
        (0, 0..0x80) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [&head, contents].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(modulus in proptest::collection::vec(any::<u8>(), 0..1100), zeros in 0_usize..3) {
            let padded = [vec![0; zeros], modulus.clone()].concat();
            let key = rsa_public_key(&padded, &[1, 0, 1]);
            let mut rest = Der(&key);
            let mut numbers = rest.sequence().expect("a sequence");
            let read = numbers.next(INTEGER).expect("a modulus");
            let digits = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<_>>();
            prop_assert_eq!(digits(read), digits(&modulus));
            prop_assert!(read[0] < 0x80, "not negative");
            prop_assert!(read.len() == 1 || read[0] != 0 || read[1] >= 0x80, "no zero too many");
            prop_assert_eq!(numbers.next(INTEGER), Some(&[1, 0, 1][..]));
            prop_assert!(rest.0.is_empty() && numbers.0.is_empty());
        }
    }

    #[test]
    fn lengths() {
        let bits = |bytes: &[u8]| modulus_bits(bytes);
        // SEQUENCE { INTEGER 0x00ff01, … }, and the same with its lengths in more bytes.
        assert_eq!(bits(&[0x30, 8, 2, 3, 0, 0xff, 1, 2, 1, 3]), Some(16));
        assert_eq!(
            bits(&[0x30, 0x81, 9, 2, 0x81, 3, 0, 0x7f, 1, 2, 1, 3]),
            Some(15)
        );
        for cut in [
            &[][..],
            &[0x30],
            &[0x30, 8, 2, 3, 0],
            &[0x30, 0x81],
            &[0x30, 3, 2, 1, 0],
            &[0x30, 0xff, 0xff],
        ] {
            assert_eq!(bits(cut), None);
        }
    }
}
