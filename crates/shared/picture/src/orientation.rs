//! The orientation of a photo, from its EXIF data.

/// The tag of the orientation.
const TAG: u16 = 0x0112;

/// The value of the tag, 1 to 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Orientation(u8);

impl Default for Orientation {
    fn default() -> Self {
        Self(1)
    }
}

impl Orientation {
    /// Reads a TIFF structure, which `Exif\0\0` may precede. Anything that is not valid means that
    /// the picture is upright.
    pub(crate) fn of_exif(exif: &[u8]) -> Self {
        read(exif.strip_prefix(b"Exif\0\0").unwrap_or(exif)).unwrap_or_default()
    }

    /// The size of a picture that has `width` by `height` stored pixels.
    pub(crate) fn size(self, width: u32, height: u32) -> (u32, u32) {
        if self.0 >= 5 {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// The stored pixel that is seen at `x` and `y`, in a picture of `width` by `height` stored
    /// pixels.
    pub(crate) fn source(self, x: u32, y: u32, width: u32, height: u32) -> (u32, u32) {
        match self.0 {
            2 => (width - 1 - x, y),
            3 => (width - 1 - x, height - 1 - y),
            4 => (x, height - 1 - y),
            5 => (y, x),
            6 => (y, height - 1 - x),
            7 => (width - 1 - y, height - 1 - x),
            8 => (width - 1 - y, x),
            _ => (x, y),
        }
    }
}

fn read(tiff: &[u8]) -> Option<Orientation> {
    let big = match tiff.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    };
    let long = |at: usize| {
        let bytes = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    };
    let directory = usize::try_from(long(4)?).ok()?;
    let count = short(directory)?;
    let entry = (0..usize::from(count))
        .filter_map(|index| directory.checked_add(2)?.checked_add(index * 12))
        .find(|at| short(*at) == Some(TAG))?;
    // The type SHORT, whose value is in the entry.
    if short(entry.checked_add(2)?)? != 3 {
        return None;
    }
    let value = u8::try_from(short(entry.checked_add(8)?)?).ok()?;
    (1..=8).contains(&value).then_some(Orientation(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// EXIF data with one entry.
    fn exif(big: bool, value: u16) -> Vec<u8> {
        let short = |v: u16| {
            if big {
                v.to_be_bytes()
            } else {
                v.to_le_bytes()
            }
        };
        let long = |v: u32| {
            if big {
                v.to_be_bytes()
            } else {
                v.to_le_bytes()
            }
        };
        let mut bytes = if big {
            b"MM\0*".to_vec()
        } else {
            b"II*\0".to_vec()
        };
        bytes.extend(long(8));
        bytes.extend(short(1));
        bytes.extend(short(TAG));
        bytes.extend(short(3));
        bytes.extend(long(1));
        bytes.extend(short(value));
        bytes.extend([0; 6]);
        bytes
    }

    #[test]
    fn it_is_read_in_both_byte_orders() {
        for big in [true, false] {
            for value in 1..=8 {
                let bytes = exif(big, value);
                assert_eq!(u16::from(Orientation::of_exif(&bytes).0), value);
                let prefixed = [b"Exif\0\0".as_slice(), &bytes].concat();
                assert_eq!(u16::from(Orientation::of_exif(&prefixed).0), value);
            }
            for value in [0, 9, 256] {
                assert_eq!(Orientation::of_exif(&exif(big, value)).0, 1);
            }
        }
    }

    #[test]
    fn a_part_of_it_means_upright() {
        let bytes = exif(true, 6);
        for length in 0..bytes.len() - 9 {
            assert_eq!(
                Orientation::of_exif(&bytes[..length]),
                Orientation::default()
            );
        }
    }

    #[test]
    fn each_orientation_is_a_permutation() {
        let (width, height) = (3, 2);
        for value in 1..=8 {
            let orientation = Orientation(value);
            let (to_width, to_height) = orientation.size(width, height);
            let mut seen: Vec<_> = (0..to_height)
                .flat_map(|y| (0..to_width).map(move |x| (x, y)))
                .map(|(x, y)| orientation.source(x, y, width, height))
                .collect();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), 6, "{value}");
            assert!(
                seen.iter().all(|(x, y)| *x < width && *y < height),
                "{value}"
            );
        }
    }
}
