//! The rules of the house that no compiler knows: `crates/README.md` says why.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use crate::spec::root;
use crate::world::router;

/// What never ships, and nothing that ships may depend on.
const SUPPORT: [&str; 6] = ["dev", "testkit", "it", "e2e", "local", "bench"];

/// The libraries, and the arrows out of each. Every other crate is a function, which may use them all.
const LIBRARIES: [(&str, &[&str]); 11] = [
    ("core", &[]),
    ("api", &["core"]),
    ("storage", &["core"]),
    ("bucket", &["core", "https", "storage"]),
    ("db", &["core", "https"]),
    ("log", &["core", "unify"]),
    ("https", &[]),
    ("unify", &[]),
    ("secret", &["core", "https"]),
    ("record", &["core", "storage", "bucket", "db"]),
    ("credentials", &["core", "bucket"]),
];

pub(crate) fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--offline", "--locked"])
        .current_dir(root())
        .output()
        .expect("cargo starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Every crate of ours by its short name, and those of ours that it is built from.
fn arrows() -> &'static BTreeMap<String, BTreeSet<String>> {
    static ARROWS: LazyLock<BTreeMap<String, BTreeSet<String>>> = LazyLock::new(|| {
        let text = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
        let metadata: Value = serde_json::from_str(&text).expect("JSON");
        let packages = metadata["packages"].as_array().expect("packages");
        packages
            .iter()
            .map(|package| {
                (
                    ours(&package["name"]).expect("slipway-…"),
                    built_from(package),
                )
            })
            .collect()
    });
    &ARROWS
}

fn built_from(package: &Value) -> BTreeSet<String> {
    let dependencies = package["dependencies"].as_array().expect("dependencies");
    dependencies
        .iter()
        .filter(|dependency| dependency["kind"] != "dev")
        .filter_map(|dependency| ours(&dependency["name"]))
        .collect()
}

/// The command that people run. What is deployed of it is a crate of its own, which links less.
const COMMAND: &str = "maintain";

/// The programs that run on Lambda: those that begin a log.
pub(crate) fn programs() -> BTreeSet<&'static str> {
    arrows()
        .iter()
        .filter(|(name, from)| from.contains("log") && !SUPPORT.contains(&name.as_str()))
        .filter(|(name, _)| *name != COMMAND)
        .map(|(name, _)| name.as_str())
        .collect()
}

/// The crates of ours that `package` is built from, itself included.
pub(crate) fn closure(package: &str) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut open = vec![package];
    while let Some(name) = open.pop() {
        let (name, from) = arrows().get_key_value(name).expect("a crate");
        if found.insert(name.as_str()) {
            open.extend(from.iter().map(String::as_str));
        }
    }
    found
}

/// Whether `package` is built from `other`, directly or not.
pub(crate) fn depends(package: &str, other: &str) -> bool {
    closure(package).contains(other)
}

fn ours(name: &Value) -> Option<String> {
    name.as_str()?.strip_prefix("slipway-").map(str::to_owned)
}

#[test]
fn arrows_point_one_way() {
    let libraries: BTreeMap<_, _> = LIBRARIES.into();
    for (name, dependencies) in arrows() {
        let allowed: Vec<&str> = match libraries.get(name.as_str()) {
            Some(allowed) => allowed.to_vec(),
            // What does not ship may use what it likes.
            None if SUPPORT.contains(&name.as_str()) => continue,
            None if name == "presign-quota" => {
                libraries.keys().copied().chain(["presign"]).collect()
            }
            None if name == "maintain-function" => {
                libraries.keys().copied().chain([COMMAND]).collect()
            }
            None => libraries.keys().copied().collect(),
        };
        for dependency in dependencies {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{name} depends on {dependency}"
            );
        }
    }
}

#[test]
fn every_route_leads_to_a_function_and_every_function_has_its_binary() {
    for route in router() {
        assert!(arrows().contains_key(&route.function), "{route:?}");
    }
    for (name, dependencies) in arrows() {
        // Who begins a log is a program that runs on Lambda.
        if dependencies.contains("log") && !SUPPORT.contains(&name.as_str()) {
            let manifest =
                std::fs::read_to_string(root().join(format!("crates/functions/{name}/Cargo.toml")));
            let manifest: toml::Table = manifest.unwrap().parse().unwrap();
            let binary = manifest["bin"][0]["name"].as_str();
            assert_eq!(binary, Some(name.as_str()));
        }
    }
}

/// What a package links into its binary: names of crates, ours and others.
fn linked(package: &str) -> BTreeSet<String> {
    let tree = cargo(&["tree", "-p", package, "-e", "normal", "--prefix", "none"]);
    tree.lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// It reads profiles and settings of which the signer of URLs knows nothing: for commands alone.
#[test]
fn no_function_links_the_credentials_of_commands() {
    for program in programs() {
        assert!(!depends(program, "credentials") || program == "maintain-function");
        let linked = linked(&format!("slipway-{program}"));
        for command in ["aws-config", "aws-sdk-sts", "clap"] {
            assert!(!linked.contains(command), "{program} links {command}");
        }
    }
    assert!(linked("slipway-maintain").contains("aws-config"));
}

#[test]
fn presign_links_no_network() {
    let linked = linked("slipway-presign");
    assert!(linked.contains("lambda_runtime"), "{linked:?}");
    for name in linked {
        let heavy = [
            "rustls",
            "hyper-rustls",
            "native-tls",
            "reqwest",
            "tokio-postgres",
            "postgres",
        ];
        let families = [
            "aws-lc",
            "aws-config",
            "aws-sdk",
            "aws-smithy",
            "aws-credential",
            "openssl",
            "rustls-",
        ];
        assert!(!heavy.contains(&name.as_str()), "presign links {name}");
        assert!(
            !families.iter().any(|family| name.starts_with(family)),
            "presign links {name}"
        );
    }
}

#[test]
fn only_who_needs_s3_or_postgres_depends_on_it() {
    for (package, name, expected) in [
        ("slipway-files", "aws-sdk-s3", false),
        ("slipway-files", "tokio-postgres", true),
        ("slipway-presign-quota", "aws-sdk-s3", false),
        ("slipway-presign-quota", "tokio-postgres", true),
        // For lists, of which it makes none: its size, which has a budget, shows that nothing of it is in the binary.
        ("slipway-save-metadata", "aws-sdk-s3", true),
        ("slipway-save-metadata", "aws-lc-sys", false),
        ("slipway-migrate", "aws-sdk-s3", false),
        ("slipway-record-upload", "lambda_http", false),
        ("slipway-core", "tokio", false),
    ] {
        assert_eq!(
            linked(package).contains(name),
            expected,
            "{package} depends on {name}"
        );
    }
}

#[test]
fn every_file_is_short_and_says_what_it_is() {
    let mut files = Vec::new();
    collect(&root().join("crates"), &mut files);
    assert!(files.len() > 100, "{}", files.len());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let shown = file.display();
        assert!(text.starts_with("//! "), "{shown} does not begin with //!");
        let lines = text.lines().count();
        assert!(lines <= 400, "{shown} has {lines} lines");
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
