//! The documents: their links, their length, and the alarms.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(root().join(path)).expect("a file of this repository")
}

/// A copy that `web/pack.js` makes, which is not committed.
const PACKED: &str = "web/client/CHANGELOG.md";

/// Every document of the repository, by its path from the root.
fn documents() -> Vec<String> {
    let folders = ["", "docs", "crates", "events", "certs", "web", "web/client"];
    let mut found = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(root().join(folder)).expect("a folder") {
            let name = entry.expect("an entry").file_name();
            let name = name.to_str().expect("UTF-8");
            if Path::new(name).extension() == Some("md".as_ref()) {
                let path = Path::new(folder).join(name);
                if path != Path::new(PACKED) {
                    found.push(path.to_str().expect("UTF-8").to_owned());
                }
            }
        }
    }
    found
}

/// The anchors of a document's headings, as GitHub derives them.
fn anchors(document: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(document).expect("a document");
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let title = heading.trim_start_matches('#').trim();
        let kept = title
            .to_lowercase()
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
            .collect::<String>();
        kept.replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_in_the_documents_has_a_target() {
    let documents = documents();
    assert!(documents.len() > 20, "{documents:?}");
    for document in documents {
        let text = read(&document);
        let here = root().join(&document);
        let links = text.split("](").skip(1);
        for link in links.filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => here.clone(),
                path => here.parent().expect("a folder").join(path),
            };
            assert!(target.exists(), "{document}: {link}");
            let known = anchor.is_empty() || anchors(&target).contains(anchor);
            assert!(known, "{document}: {link} has no such heading");
        }
    }
}

/// The first page is read in a minute. Everything longer belongs in `docs/`.
#[test]
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(lines <= 120, "README.md has {lines} lines");
}

#[test]
fn every_alarm_has_its_page() {
    let template = read("template.yaml");
    let lines: Vec<&str> = template.lines().collect();
    let alarms = lines.windows(2).filter_map(|pair| {
        let typed = pair[1].trim() == "Type: AWS::CloudWatch::Alarm";
        typed.then(|| pair[0].trim().trim_end_matches(':').to_owned())
    });
    let alarms: BTreeSet<String> = alarms.collect();
    let page = read("docs/alarms.md");
    let headings = page.lines().filter_map(|line| line.strip_prefix("## "));
    assert!(!alarms.is_empty());
    assert_eq!(
        headings.map(ToOwned::to_owned).collect::<BTreeSet<_>>(),
        alarms
    );
}
