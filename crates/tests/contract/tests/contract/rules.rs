//! Rules of the workspace that the compiler does not check. `crates/README.md` gives the reasons.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use serde_json::Value;

use crate::spec::root;
use crate::world::router;

/// The allowed dependencies between shared crates.
const SHARED: [(&str, &[&str]); 13] = [
    ("core", &[]),
    ("api", &["core"]),
    ("s3-urls", &["core"]),
    ("s3", &["core", "https", "s3-urls"]),
    ("db", &["core", "https"]),
    ("log", &["core", "unify"]),
    ("https", &[]),
    ("unify", &[]),
    ("secret", &["core", "https"]),
    ("record", &["core", "s3-urls", "s3", "db"]),
    ("credentials", &["core", "s3"]),
    ("events", &["core"]),
    ("picture", &[]),
];

/// A crate of the workspace.
struct Package {
    /// The folder in `crates` that it is in.
    kind: String,
    /// The workspace crates that it depends on.
    from: BTreeSet<String>,
}

pub(crate) fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--locked")
        .current_dir(root())
        .output()
        .expect("cargo starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Every crate of the workspace, by its name without `slipway-`.
fn packages() -> &'static BTreeMap<String, Package> {
    static PACKAGES: LazyLock<BTreeMap<String, Package>> = LazyLock::new(|| {
        let text = cargo(&["metadata", "--no-deps", "--format-version", "1"]);
        let metadata: Value = serde_json::from_str(&text).expect("JSON");
        let packages = metadata["packages"].as_array().expect("packages");
        let described = packages.iter().map(|package| {
            let name = ours(&package["name"]).expect("slipway-…");
            (name, describe(package))
        });
        described.collect()
    });
    &PACKAGES
}

fn describe(package: &Value) -> Package {
    let manifest = package["manifest_path"].as_str().expect("a path");
    let (_, below) = manifest.rsplit_once("/crates/").expect("below crates");
    let (kind, _) = below.split_once('/').expect("in a folder of its kind");
    let dependencies = package["dependencies"].as_array().expect("dependencies");
    let from = dependencies
        .iter()
        .filter(|dependency| dependency["kind"] != "dev")
        .filter_map(|dependency| ours(&dependency["name"]));
    Package {
        kind: kind.to_owned(),
        from: from.collect(),
    }
}

/// The crates in one folder below `crates`.
fn of_kind(kind: &str) -> impl Iterator<Item = (&'static str, &'static Package)> {
    let packages = packages().iter();
    let packages = packages.filter(move |(_, package)| package.kind == kind);
    packages.map(|(name, package)| (name.as_str(), package))
}

/// The command for people. Its Lambda function is a crate of its own, with fewer dependencies.
const COMMAND: &str = "maintain";

/// The programs that run on Lambda.
pub(crate) fn programs() -> BTreeSet<&'static str> {
    let names = of_kind("functions").map(|(name, _)| name);
    names.filter(|name| *name != COMMAND).collect()
}

/// The workspace crates that `package` is built from, itself included.
pub(crate) fn closure(package: &str) -> BTreeSet<&'static str> {
    let mut found = BTreeSet::new();
    let mut open = vec![package];
    while let Some(name) = open.pop() {
        let (name, package) = packages().get_key_value(name).expect("a crate");
        if found.insert(name.as_str()) {
            open.extend(package.from.iter().map(String::as_str));
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
fn every_crate_is_in_one_of_four_folders() {
    let kinds: BTreeSet<_> = packages().values().map(|it| it.kind.as_str()).collect();
    let expected = BTreeSet::from(["functions", "shared", "tests", "tools"]);
    assert_eq!(kinds, expected);
}

#[test]
fn functions_use_only_shared_crates() {
    for (name, package) in of_kind("functions") {
        for from in &package.from {
            // Such as `presign-quota`, which is `presign` with a database.
            let extends = name.strip_prefix(from.as_str());
            let extends = extends.is_some_and(|rest| rest.starts_with('-'));
            let kind = &packages()[from].kind;
            assert!(extends || kind == "shared", "{name} depends on {from}");
        }
    }
}

#[test]
fn arrows_between_shared_crates_point_one_way() {
    let allowed: BTreeMap<_, _> = SHARED.into();
    for (name, package) in of_kind("shared") {
        let allowed = allowed.get(name).expect("a line in SHARED");
        for from in &package.from {
            let known = allowed.contains(&from.as_str());
            assert!(known, "{name} depends on {from}");
        }
    }
}

#[test]
fn every_route_leads_to_a_function_and_every_function_has_its_binary() {
    for route in router() {
        let package = packages().get(route.function);
        let kind = package.map(|package| package.kind.as_str());
        assert_eq!(kind, Some("functions"), "{route:?}");
    }
    for (name, _) in of_kind("functions") {
        let manifest = root().join(format!("crates/functions/{name}/Cargo.toml"));
        let manifest = std::fs::read_to_string(manifest).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let binary = manifest["bin"][0]["name"].as_str();
        assert_eq!(binary, Some(name));
    }
}

/// The names of all crates that are linked into the binary of a package.
fn linked(package: &str) -> BTreeSet<String> {
    let tree = cargo(&["tree", "-p", package, "-e", "normal", "--prefix", "none"]);
    tree.lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// Only commands read profiles and settings of the AWS CLI. The URL signer of the functions does
/// not support them.
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
fn only_functions_that_use_s3_or_postgres_depend_on_it() {
    for (package, name, expected) in [
        ("slipway-files", "aws-sdk-s3", false),
        ("slipway-files", "tokio-postgres", true),
        ("slipway-presign-quota", "aws-sdk-s3", false),
        ("slipway-presign-quota", "tokio-postgres", true),
        // For lists, of which it makes none: its size, which has a budget, shows that nothing of it
        // is in the binary.
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
fn every_file_is_short_and_begins_with_a_doc_comment() {
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
