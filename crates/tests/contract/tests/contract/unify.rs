//! No dependency is compiled twice because two builds resolve its features differently.
//! `crates/shared/unify` explains why that matters.
//!
//! Cargo lists the units of a build, such as `tokio` with its features, its profile and the units
//! below it, without building anything. The option is unstable, so the test sets `RUSTC_BOOTSTRAP`.
//! The pinned toolchain makes that reliable.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash as _, Hasher as _};
use std::process::Command;

use serde_json::Value;

use crate::rules::programs;
use crate::spec::root;

/// A unit without the properties that may differ: package, kind, name, platform, mode and profile.
type Name = String;

/// The variants of each unit of a build: a hash of all properties, and the features.
type Units = BTreeMap<Name, BTreeMap<u64, String>>;

/// The build of a function by `cargo lambda build`, from the function's folder.
fn for_lambda(function: &str) -> Units {
    let args = [
        "--release",
        "--features",
        "aws-lc",
        "--target",
        "x86_64-unknown-linux-gnu",
        "--bin",
        function,
    ];
    let mut cargo = cargo("build", &args);
    // cargo-lambda sets these so that flags for the target do not apply to macros and build
    // scripts.
    cargo
        .env("CARGO_UNSTABLE_TARGET_APPLIES_TO_HOST", "true")
        .env("CARGO_TARGET_APPLIES_TO_HOST", "false")
        .current_dir(root().join("crates/functions").join(function));
    read(&mut cargo)
}

fn units(command: &str, args: &[&str]) -> Units {
    read(cargo(command, args).current_dir(root()))
}

fn cargo(command: &str, args: &[&str]) -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .arg(command)
        .args(args)
        .args(["--offline", "--locked"])
        .args(["--unit-graph", "-Zunstable-options"])
        .env("RUSTC_BOOTSTRAP", "1");
    cargo
}

fn read(cargo: &mut Command) -> Units {
    let output = cargo.output().expect("cargo starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{cargo:?}: {errors}");
    let graph: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let graph = graph["units"].as_array().expect("units");
    let mut hashes = vec![None; graph.len()];
    let mut units = Units::new();
    for (at, unit) in graph.iter().enumerate() {
        let hash = hash(graph, at, &mut hashes);
        let features = unit["features"].to_string();
        units.entry(name(unit)).or_default().insert(hash, features);
    }
    units
}

fn name(unit: &Value) -> Name {
    let (_, package) = unit["pkg_id"]
        .as_str()
        .expect("an id")
        .rsplit_once('/')
        .expect("a path");
    let target = &unit["target"];
    let mut profile = unit["profile"].clone();
    // `dev` and `test` are equal here.
    profile["name"].take();
    format!(
        "{package} {} {} for {} by {} with {profile}",
        target["kind"][0], target["name"], unit["platform"], unit["mode"]
    )
}

/// The hash of a unit and of all units below it.
fn hash(graph: &[Value], at: usize, known: &mut [Option<u64>]) -> u64 {
    if let Some(hash) = known[at] {
        return hash;
    }
    let unit = &graph[at];
    let dependencies = unit["dependencies"].as_array().expect("dependencies");
    let below: BTreeSet<_> = dependencies
        .iter()
        .map(|it| {
            let index = it["index"]
                .as_u64()
                .and_then(|index| usize::try_from(index).ok());
            (
                it["extern_crate_name"].as_str(),
                hash(graph, index.expect("an index"), known),
            )
        })
        .collect();
    let mut hasher = DefaultHasher::new();
    name(unit).hash(&mut hasher);
    unit["features"].to_string().hash(&mut hasher);
    below.hash(&mut hasher);
    *known[at].insert(hasher.finish())
}

/// Units that a build compiles differently from the build with the most variants. Of these, only
/// units with different features are listed, since they cause all others.
fn compiled_again(builds: &[(&str, Units)]) -> Vec<String> {
    let names: BTreeSet<_> = builds.iter().flat_map(|(_, units)| units.keys()).collect();
    let mut again = Vec::new();
    for name in names {
        let with = builds
            .iter()
            .filter_map(|(build, units)| Some((build, units.get(name)?)));
        let all: BTreeSet<_> = with.clone().flat_map(|(_, variants)| variants).collect();
        let most = with.clone().map(|(_, variants)| variants.len()).max();
        let features: BTreeSet<_> = all.iter().map(|(_, features)| features).collect();
        if Some(all.len()) > most && Some(features.len()) > most {
            let with: Vec<_> = with
                .map(|(build, it)| format!("  {build}: {:?}", it.values()))
                .collect();
            again.push(format!("{name}\n{}", with.join("\n")));
        } else if Some(all.len()) > most {
            again.push(format!("{name}: what is below it differs"));
        }
    }
    again
}

#[test]
fn functions_share_every_dependency() {
    let functions: Vec<_> = programs().into_iter().collect();
    assert!(functions.len() >= 9, "{functions:?}");
    let builds: Vec<_> = functions
        .iter()
        .map(|name| (*name, for_lambda(name)))
        .collect();
    let aws_lc = builds.iter().flat_map(|(_, units)| units);
    let aws_lc = aws_lc.filter(|(name, _)| name.starts_with("crates.io-index#aws-lc-sys"));
    let compiled = aws_lc.filter(|(name, _)| name.contains(r#""lib" "aws_lc_sys""#));
    let variants: BTreeSet<_> = compiled.flat_map(|(_, variants)| variants.keys()).collect();
    assert_eq!(variants.len(), 1, "AWS-LC is compiled once");
    let again = compiled_again(&builds);
    assert!(
        again.is_empty(),
        "name the missing feature in crates/shared/unify/Cargo.toml:\n{}",
        again.join("\n")
    );
}

#[test]
fn test_stages_share_every_dependency() {
    let functions: Vec<_> = programs()
        .into_iter()
        // `cargo dev` does not run it, and tests compile the library below it with the features of
        // its command.
        .filter(|name| *name != "maintain-function")
        .map(|name| format!("slipway-{name}"))
        .collect();
    let functions: Vec<_> = functions.iter().flat_map(|name| ["-p", name]).collect();
    let tests = ["--workspace", "--bins", "--tests"];
    let slow = ["--workspace", "--test", "faults", "--test", "stack"];
    let builds = [
        ("cargo dev", units("build", &["-p", "slipway-dev"])),
        (
            "its functions",
            units("build", &[&["-p", "slipway-dev"], &*functions].concat()),
        ),
        (
            "migrate",
            units("build", &["-p", "slipway-dev", "-p", "slipway-migrate"]),
        ),
        ("build", units("build", &tests)),
        ("test", units("test", &["--workspace"])),
        ("faults and stack", units("test", &slow)),
        (
            "binaries",
            units("build", &["--workspace", "--bins", "--test", "processes"]),
        ),
    ];
    let again = compiled_again(&builds);
    assert!(
        again.is_empty(),
        "name the missing feature in crates/shared/unify/Cargo.toml, or in crates/tools/emulators/Cargo.toml where only tools and tests \
         have the dependency:\n{}",
        again.join("\n")
    );
}
