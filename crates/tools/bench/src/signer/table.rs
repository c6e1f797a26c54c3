//! The figures as Markdown.

use std::fmt::Write as _;

use super::{CASES, Figures};

/// A row for each case, without and with a session token.
pub(super) fn table(figures: &Figures) -> String {
    let mut text = String::from(
        "CPU for each URL in nanoseconds, medians; in brackets as a multiple of the floor.\n\n\
         | session token | what is signed | floor | our signer | our functions | `aws-sigv4` | the SDK |\n\
         |---|---|--:|--:|--:|--:|--:|\n",
    );
    for (session, token) in [("plain", "none"), ("token", "1,000 characters")] {
        for (case, what, _) in CASES {
            let of = |contender| {
                figures
                    .get(&(session, case, contender))
                    .copied()
                    .unwrap_or(f64::NAN)
            };
            let floor = of("floor");
            let cell = |contender| {
                let own = of(contender);
                format!("{own:.0} ({:.2}×)", own / floor)
            };
            let [signer, function, sigv4, sdk] = ["signer", "function", "sigv4", "sdk"].map(cell);
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "| {token} | {what} | {floor:.0} | {signer} | {function} | {sigv4} | {sdk} |"
            );
        }
    }
    let list = |session| {
        figures
            .get(&(session, "list-1000", "function"))
            .copied()
            .unwrap_or(f64::NAN)
            / 1000.0
    };
    let (plain, token) = (list("plain"), list("token"));
    text + &format!(
        "\nA list of 1,000 URLs costs {plain:.1} ms of CPU, {token:.1} ms with a session token.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::super::CONTENDERS;
    use super::*;

    #[test]
    fn a_row_for_each_case_and_its_ratio() {
        let mut figures = Figures::new();
        for session in ["plain", "token"] {
            for (case, _, _) in CASES {
                for (at, contender) in (1_u8..).zip(CONTENDERS) {
                    figures.insert((session, case, contender), f64::from(at) * 500.0);
                }
            }
        }
        let text = table(&figures);
        assert_eq!(
            text.matches("| 500 | 1000 (2.00×) | 1500 (3.00×) |")
                .count(),
            2 * CASES.len()
        );
        assert!(text.contains("costs 1.5 ms of CPU"), "{text}");
        assert!(!text.contains("NaN"), "{text}");
    }
}
