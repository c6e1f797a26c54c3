//! One version covers the functions, the template and the packages. Before a release, the manifests,
//! the changelog and the tag must name the same one.

use std::fs;
use std::io;

use serde_json::Value;

use crate::workspace;

/// The published packages.
const PACKAGES: [&str; 3] = ["client", "react", "uploader"];

/// The version of this workspace.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Fails if the packages have another version, or if the job builds a tag that is not this version
/// or has no section in the changelog.
pub(super) fn agree() -> io::Result<()> {
    let is_tag = std::env::var("GITHUB_REF_TYPE").is_ok_and(|kind| kind == "tag");
    let tag = std::env::var("GITHUB_REF_NAME").ok().filter(|_| is_tag);
    let root = workspace::root();
    let changelog = fs::read_to_string(root.join("CHANGELOG.md"))?;
    for package in PACKAGES {
        let manifest = fs::read(root.join("web").join(package).join("package.json"))?;
        let manifest: Value = serde_json::from_slice(&manifest)?;
        if manifest["version"] != VERSION {
            let other = &manifest["version"];
            let problem =
                format!("@slipway/{package} has version {other}, and Cargo.toml {VERSION}");
            return Err(io::Error::other(problem));
        }
    }
    released(VERSION, &changelog, tag.as_deref()).map_err(io::Error::other)
}

/// Whether `changelog` and `tag` fit `version`. Without a tag, nothing is released.
fn released(version: &str, changelog: &str, tag: Option<&str>) -> Result<(), String> {
    let newest = changelog
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .find(|heading| heading.starts_with(|first: char| first.is_ascii_digit()));
    let Some(tag) = tag else {
        return match newest.map(|heading| heading.split(' ').next()) {
            Some(Some(newest)) if newest != version => Err(format!(
                "the newest release of CHANGELOG.md is {newest}, and Cargo.toml has {version}"
            )),
            _ => Ok(()),
        };
    };
    if tag.strip_prefix('v') != Some(version) {
        return Err(format!("the tag is {tag}, and Cargo.toml has {version}"));
    }
    // `## 0.2.0 - 2026-12-01`
    if newest.is_some_and(|heading| heading.starts_with(&format!("{version} - 20"))) {
        return Ok(());
    }
    Err(format!(
        "CHANGELOG.md must begin its releases with `## {version} - DATE`, and has {newest:?}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "# Changelog\n\n## Versions\n\n## Unreleased\n\n## 0.2.0 - 2026-12-01\n\n## 0.1.0 - 2026-11-01\n";

    #[test]
    fn the_workspace_has_one_version() {
        agree().unwrap();
    }

    #[test]
    fn a_tag_needs_its_version_and_its_section() {
        assert_eq!(released("0.2.0", CHANGELOG, Some("v0.2.0")), Ok(()));
        assert!(released("0.2.0", CHANGELOG, Some("v0.2.1")).is_err());
        assert!(released("0.2.0", CHANGELOG, Some("0.2.0")).is_err());
        assert!(released("0.1.0", CHANGELOG, Some("v0.1.0")).is_err());
        assert!(released("0.3.0", CHANGELOG, Some("v0.3.0")).is_err());
    }

    #[test]
    fn without_a_tag_the_version_is_the_newest_release() {
        assert_eq!(released("0.2.0", CHANGELOG, None), Ok(()));
        assert!(released("0.3.0", CHANGELOG, None).is_err());
        // Nothing was released yet.
        assert_eq!(released("0.1.0", "## Unreleased\n", None), Ok(()));
    }
}
