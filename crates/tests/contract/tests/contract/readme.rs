//! The README's tables are what the code reads and serves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(root().join(path)).expect("a file of this repository")
}

/// Every string literal in what ships that is an environment variable's name, as a call of `Env` has it.
fn variables_of_the_code() -> BTreeSet<String> {
    let calls = [
        "required(",
        "optional(",
        "parsed(",
        "number(",
        "flag(",
        "flag_or(",
    ];
    let mut found = BTreeSet::new();
    let ships = ["crates/functions", "crates/shared"].map(|folder| sources(&root().join(folder)));
    for file in ships.concat() {
        let text = std::fs::read_to_string(&file).expect("a source file");
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for call in calls {
            for rest in text.split(call).skip(1) {
                let literal = rest
                    .trim_start()
                    .strip_prefix('"')
                    .and_then(|rest| rest.split('"').next());
                found.extend(
                    literal
                        .filter(|name| is_variable(name))
                        .map(ToOwned::to_owned),
                );
            }
        }
    }
    found
}

fn is_variable(name: &str) -> bool {
    name.len() > 2
        && name
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != "tests" {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn the_configuration_table_names_every_variable_and_no_other() {
    let readme = read("README.md");
    let section = readme
        .split("## Configuration")
        .nth(1)
        .expect("the section");
    let section = section.split("\n## ").next().expect("its end");
    let documented: BTreeSet<String> = section
        .lines()
        .filter_map(|line| {
            line.strip_prefix("| `")?
                .split('`')
                .next()
                .map(ToOwned::to_owned)
        })
        .collect();
    let mut read_by_code = variables_of_the_code();
    // Read under a constant's name, since its errors must name it too.
    read_by_code.extend(["DATABASE_URL", "DATABASE_URL_UNPOOLED"].map(ToOwned::to_owned));
    read_by_code.extend(slipway_s3_urls::ENDPOINTS.map(ToOwned::to_owned));
    // Where a function runs, not how: Lambda sets them, and a person never does.
    for lambdas in ["AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME"] {
        read_by_code.remove(lambdas);
    }
    assert_eq!(documented, read_by_code);
}

#[test]
fn every_link_in_the_documents_leads_somewhere() {
    let docs = std::fs::read_dir(root().join("docs"))
        .expect("a folder")
        .flatten();
    let docs = docs.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_suffix(".md")
            .map(|name| format!("docs/{name}.md"))
    });
    let mut documents: Vec<String> = docs.collect();
    let others = [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "crates/README.md",
        "events/README.md",
    ];
    documents.extend(others.map(ToOwned::to_owned));
    for document in documents {
        let text = read(&document);
        let folder = root().join(&document);
        let folder = folder.parent().expect("a folder");
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let path = link.split('#').next().unwrap_or_default();
            assert!(
                path.is_empty() || link.contains("://") || folder.join(path).exists(),
                "{document}: {link}"
            );
        }
    }
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
