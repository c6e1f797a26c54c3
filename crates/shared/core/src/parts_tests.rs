//! Every plan can be uploaded: S3's limits hold, and the parts add up to the file.

use proptest::prelude::*;

use super::*;
use crate::limits::{DEFAULT_MULTIPART_BYTES, MAX_MULTIPART_BYTES};

const MIB: u64 = 1024 * 1024;

fn plan(size: u64, asked: Option<u64>) -> (u64, u16) {
    let parts = Parts::plan(size, asked).expect("a plan");
    (parts.part_size(), parts.count())
}

#[test]
fn plans() {
    assert_eq!(plan(1, None), (16 * MIB, 1));
    assert_eq!(plan(16 * MIB, None), (16 * MIB, 1));
    assert_eq!(plan(16 * MIB + 1, None), (16 * MIB, 2));
    assert_eq!(plan(10_000 * 16 * MIB, None), (16 * MIB, 10_000));
    assert_eq!(plan(10_000 * 16 * MIB + 1, None), (17 * MIB, 9412));
    assert_eq!(plan(DEFAULT_MULTIPART_BYTES, None), (525 * MIB, 9987));
    assert_eq!(plan(MAX_MULTIPART_BYTES, None), (5 * 1024 * MIB, 10_000));
    // The requested part size is kept to the byte, unless there would be too many parts.
    assert_eq!(plan(20 * MIB, Some(5 * MIB + 1)), (5 * MIB + 1, 4));
    assert_eq!(plan(10_000 * 5 * MIB, Some(5 * MIB)), (5 * MIB, 10_000));
    assert_eq!(plan(10_000 * 5 * MIB + 1, Some(5 * MIB)), (6 * MIB, 8334));
    assert_eq!(
        plan(DEFAULT_MULTIPART_BYTES, Some(5 * 1024 * MIB)),
        (5 * 1024 * MIB, 1024)
    );
}

#[test]
fn what_cannot_be_planned() {
    for (size, asked) in [
        (0, None),
        (1, Some(5 * MIB - 1)),
        (1, Some(0)),
        (1, Some(5 * 1024 * MIB + 1)),
        (1, Some(u64::MAX)),
    ] {
        let error = Parts::plan(size, asked).expect_err("no plan");
        assert_eq!(error.code(), Code::InvalidRequest, "{size} {asked:?}");
    }
    for (size, part_size) in [(0, 5), (5, 0), (10_001, 1), (u64::MAX, 1)] {
        assert_eq!(Parts::planned(size, part_size), None, "{size} {part_size}");
    }
}

#[test]
fn missing_parts_are_named() {
    let parts = Parts::plan(60 * MIB - 1, Some(5 * MIB)).expect("a plan");
    let whole = |number| (number, 5 * MIB);
    let sentence = |there: Vec<(u16, u64)>| match parts.check(there) {
        Ok(()) => String::new(),
        Err(error) => {
            assert_eq!(error.code(), Code::PartsMissing);
            let text = error.client_message();
            let (_, text) = text.split_once(": ").expect("names");
            text.split_once('.').expect("an end").0.to_owned()
        }
    };
    assert_eq!(sentence(vec![]), "1-12");
    assert_eq!(
        sentence((1..=11).map(whole).chain([(12, 5 * MIB - 1)]).collect()),
        ""
    );
    // Too long, too short, and none of the plan's.
    let there = (1..=12).map(whole).chain([(13, 5 * MIB), (0, 5 * MIB)]);
    assert_eq!(sentence(there.collect()), "12");
    assert_eq!(
        sentence(vec![(1, 1), (2, 5 * MIB), (4, 5 * MIB)]),
        "1, 3, 5-12"
    );
    let many = Parts::plan(10_000 * 5 * MIB, Some(5 * MIB)).expect("a plan");
    let odd = (1..=10_000).filter(|number| number % 2 == 1).map(whole);
    let error = many.check(odd).expect_err("half of them");
    let text = error.client_message();
    assert!(
        text.contains(": 2, 4, 6, ") && text.contains(" 40 and 4980 more."),
        "{text}"
    );
}

/// Sizes of every order of magnitude, and those around whole parts.
fn any_size() -> impl Strategy<Value = u64> {
    prop_oneof![
        1..=MAX_MULTIPART_BYTES,
        (0..=42_u32).prop_flat_map(|bits| 1..=(1_u64 << bits)),
        (1..=10_001_u64, 0..=2_u64).prop_map(|(parts, off)| parts * 5 * MIB + off - 1),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_plan_can_be_uploaded(size in any_size(), asked in proptest::option::of(5 * MIB..=5120 * MIB)) {
        let parts = Parts::plan(size, asked).expect("a plan");
        let (part_size, count) = (parts.part_size(), parts.count());
        prop_assert!((1..=MAX_PARTS).contains(&count));
        prop_assert!((MIN_PART_BYTES..=MAX_PART_BYTES).contains(&part_size));
        prop_assert_eq!(u64::from(count), size.div_ceil(part_size));
        let lengths: Vec<u64> = (1..=count).map(|number| parts.size_of(number).expect("a part")).collect();
        prop_assert_eq!(lengths.iter().sum::<u64>(), size);
        let (last, others) = lengths.split_last().expect("one at least");
        prop_assert!((1..=part_size).contains(last));
        prop_assert!(others.iter().all(|length| *length == part_size));
        prop_assert_eq!(parts.size_of(0), None);
        prop_assert_eq!(parts.size_of(count + 1), None);
        prop_assert_eq!(Parts::planned(size, part_size), Some(parts));
        // A part size is raised only if there would be too many parts, and only as far as needed.
        match asked {
            Some(asked) if part_size != asked => {
                prop_assert!(size.div_ceil(asked) > 10_000 && part_size > asked);
                prop_assert!(part_size == MIB || size.div_ceil(part_size - MIB) > 10_000);
            }
            _ => {}
        }
        // All of them are there; without one, it is missing.
        let there = || lengths.iter().zip(1..).map(|(length, number)| (number, *length));
        prop_assert!(parts.check(there()).is_ok());
        prop_assert!(parts.check(there().skip(1)).is_err());
    }
}
