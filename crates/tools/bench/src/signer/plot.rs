//! The figures as bars.

use super::{CASES, Figures};
use crate::svg::{Bar, bars};

/// One URL and many, with a session token, as every Lambda role has one.
pub(super) fn plot(figures: &Figures) -> String {
    let who = [
        ("floor", "hash and HMAC alone", false),
        ("signer", "our signer", true),
        ("sigv4", "aws-sigv4", false),
        ("sdk", "the SDK's presigner", false),
    ];
    let groups: Vec<_> = CASES[..4]
        .iter()
        .map(|(case, what, _)| {
            let bar = |(contender, name, ours): (&'static str, &str, bool)| {
                let value = *figures.get(&("token", *case, contender))?;
                Some(Bar {
                    name: name.to_owned(),
                    ours,
                    value,
                })
            };
            (
                (*what).to_owned(),
                who.into_iter().filter_map(bar).collect(),
            )
        })
        .collect();
    bars(
        "CPU for each URL in ns, with a session token of 1,000 characters",
        &groups,
    )
}
