//! The crates that are linked into each function as it is deployed: how many, and never two TLS
//! stacks or HTTP clients.

use std::collections::BTreeSet;

use crate::rules::{cargo, programs};

/// The largest number of crates, ours included, that a function may be linked from. Each is code to
/// load, review and update.
const BUDGETS: [(&str, usize); 12] = [
    ("delete", 190),
    ("files", 136),
    ("maintain-function", 190),
    ("migrate", 134),
    ("multipart", 190),
    ("notify", 150),
    ("presign", 85),
    ("preview", 210),
    ("presign-quota", 136),
    ("record-upload", 190),
    ("rename", 190),
    ("save-metadata", 190),
];

/// The crates that the deployed `function` is linked from, each as `name version`.
fn linked(function: &str) -> BTreeSet<String> {
    let package = format!("slipway-{function}");
    let tree = cargo(&[
        "tree",
        "--package",
        &package,
        // The features that Cargo.toml sets for deployments.
        "--features",
        "aws-lc",
        "--target",
        "x86_64-unknown-linux-gnu",
        "--edges",
        "normal,no-proc-macro",
        "--prefix",
        "none",
    ]);
    tree.lines()
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn each_function_stays_within_its_budget_of_crates() {
    let budgeted: BTreeSet<&str> = BUDGETS.iter().map(|(function, _)| *function).collect();
    assert_eq!(budgeted, programs(), "every function has a budget");
    for (function, budget) in BUDGETS {
        let linked = linked(function);
        let count = linked.len();
        assert!(
            count <= budget,
            "{function} links {count} crates, of at most {budget}: {linked:#?}"
        );
    }
}

#[test]
fn no_function_links_two_tls_stacks_or_two_http_clients() {
    for function in programs() {
        let linked = linked(function);
        let of = |names: &[&str]| {
            let has = |name: &str| {
                linked
                    .iter()
                    .any(|krate| krate.split(' ').next() == Some(name))
            };
            names.iter().filter(|name| has(name)).count()
        };
        let tls = of(&[
            "openssl",
            "rustls",
            "aws-lc-rs",
            "boring",
            "s2n-tls",
            "mbedtls",
        ]);
        let expected = usize::from(function != "presign");
        assert_eq!(tls, expected, "{function}: {linked:#?}");
        // The client of the Lambda runtime, which `maintain` has too.
        let http = of(&[
            "hyper",
            "reqwest",
            "ureq",
            "isahc",
            "curl",
            "attohttpc",
            "minreq",
        ]);
        assert_eq!(http, 1, "{function}: {linked:#?}");
        let hypers = linked.iter().filter(|krate| krate.starts_with("hyper "));
        assert_eq!(hypers.count(), 1, "{function}: {linked:#?}");
    }
}
