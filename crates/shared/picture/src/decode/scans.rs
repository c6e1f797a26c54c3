//! Counts the scans of a JPEG, without decoding it.
//!
//! A scan of a progressive JPEG may have a hundred bytes and still visit every block, so a file of
//! 64 MiB could keep a decoder busy for hours. Encoders write about ten scans, and at most 64 when
//! they search for the smallest file.

use crate::Reason;

/// The largest number of scans.
const MOST: u32 = 100;

const START_OF_SCAN: u8 = 0xda;
const END: u8 = 0xd9;

/// Fails if a JPEG has too many scans, or does not end with its end marker.
pub(crate) fn check(file: &[u8]) -> Result<(), Reason> {
    let mut scans = 0;
    // After the start marker.
    let mut at = 2;
    // A marker is the first 0xff that a byte other than 0, 0xff or a restart marker follows.
    while let Some(rest) = file.get(at..) {
        let Some(found) = rest.iter().position(|byte| *byte == 0xff) else {
            break;
        };
        at += found + 1;
        match file.get(at).copied() {
            None => break,
            Some(0xff) => {}
            Some(0 | 1 | 0xd0..=0xd8) => at += 1,
            Some(END) => return Ok(()),
            Some(marker) => {
                if marker == START_OF_SCAN {
                    scans += 1;
                    if scans > MOST {
                        return Err(Reason::Unsupported);
                    }
                }
                let Some(&[high, low]) = file.get(at + 1..at + 3) else {
                    break;
                };
                at += 1 + usize::from(u16::from_be_bytes([high, low])).max(2);
            }
        }
    }
    Err(Reason::broken("it has no end"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scans_are_counted() {
        let scan = [0xff, START_OF_SCAN, 0, 3, 1, 7, 0xff, 0, 0xff, 0xd0, 9];
        let file =
            |scans: usize, end: &[u8]| [&[0xff, 0xd8], scan.repeat(scans).as_slice(), end].concat();
        let end = [0xff, 0xff, END];
        assert_eq!(check(&file(100, &end)), Ok(()));
        assert_eq!(check(&file(101, &end)), Err(Reason::Unsupported));
        for cut in [
            &[][..],
            &[0xff],
            &[0xff, 0xe1],
            &[0xff, 0xe1, 0, 9, 0xff, END],
        ] {
            assert!(
                matches!(check(&file(1, cut)), Err(Reason::Broken(_))),
                "{cut:?}"
            );
        }
    }
}
