//! Splits the keys into ranges that workers sweep concurrently.

use slipway_db::maintain::KeyRange;

/// The bytes with which an owner may start, in order.
const ALPHABET: &[u8] = b"-.0123456789@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";

/// Returns one range more than there are bounds. Each range ends with its bound, and the last has
/// no end.
pub(crate) fn ranges(bounds: Vec<String>) -> Vec<KeyRange> {
    let mut from = String::new();
    let mut ranges = Vec::with_capacity(bounds.len() + 1);
    for bound in bounds {
        ranges.push(KeyRange {
            from: std::mem::replace(&mut from, bound.clone()),
            to: Some(bound),
        });
    }
    ranges.push(KeyRange { from, to: None });
    ranges
}

/// Splits the possible first two bytes of an owner evenly, for a table with too few rows to sample.
pub(crate) fn even_bounds(shards: u32) -> Vec<String> {
    let pairs = ALPHABET.len() * ALPHABET.len();
    let shards = usize::try_from(shards)
        .unwrap_or(usize::MAX)
        .clamp(1, pairs);
    (1..shards)
        .map(|part| {
            let pair = part * pairs / shards;
            let bytes = [pair / ALPHABET.len(), pair % ALPHABET.len()];
            bytes.map(|at| char::from(ALPHABET[at])).iter().collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(range: &KeyRange, key: &str) -> bool {
        key > range.from.as_str() && range.to.as_deref().is_none_or(|to| key <= to)
    }

    #[test]
    fn the_alphabet_is_that_of_owners() {
        assert!(ALPHABET.is_sorted());
        for byte in 0..=u8::MAX {
            let key = format!(
                "{}/01890a5d-ac96-774b-bcce-b302099a8057/a",
                char::from(byte)
            );
            let begins = slipway_core::ObjectKey::parse(&key).is_ok();
            // A dot or a tilde is the first byte of longer names only.
            let begins = begins || byte == b'.' || byte == b'~';
            assert_eq!(begins, ALPHABET.contains(&byte), "{}", char::from(byte));
        }
    }

    proptest! {
        #[test]
        fn every_key_is_in_exactly_one_even_range(shards in 1..5000_u32, key in "\\PC{1,20}") {
            let ranges = ranges(even_bounds(shards));
            prop_assert_eq!(ranges.len(), usize::try_from(shards).unwrap().min(4489));
            prop_assert_eq!(ranges.iter().filter(|range| holds(range, &key)).count(), 1);
        }

        #[test]
        fn every_key_is_in_exactly_one_range(
            bounds in prop::collection::btree_set("[-.0-9@A-Z_a-z~/]{1,6}", 0..20),
            key in "[-.0-9@A-Z_a-z~/]{1,6}",
        ) {
            let bounds: Vec<String> = bounds.into_iter().collect();
            let edges = bounds.clone();
            let ranges = ranges(bounds);
            for key in edges.iter().chain([&key]) {
                prop_assert_eq!(ranges.iter().filter(|range| holds(range, key)).count(), 1);
            }
        }
    }
}
