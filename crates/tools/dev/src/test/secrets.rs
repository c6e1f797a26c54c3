//! Checks that no secret reaches a log: searches every line that functions printed in tests for the
//! secrets of the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use slipway_emulators::capture;

use super::patterns::PATTERNS;
use crate::say;

/// Values are indexed by this many first bytes. Shorter values would occur in every log.
const START: usize = 6;

/// Searches the logs of the stages under `logs`, a folder each, and fails if a secret is found.
pub(super) fn check(logs: &Path) -> io::Result<()> {
    let stages = children(logs).unwrap_or_default();
    if stages.is_empty() {
        return wrong("no log was captured: run the stages `test` and `stack` first");
    }
    let values = Values::read(&stages)?;
    let mut found = Vec::new();
    for stage in &stages {
        let name = stage.file_name().unwrap_or_default().to_string_lossy();
        let seen = search(stage, &values)?;
        if seen.lines == 0 {
            return wrong(&format!("no line of the stage {name} was captured"));
        }
        say::part(
            "secrets",
            &format!(
                "{} lines of {} processes in {name}",
                seen.lines, seen.processes
            ),
        );
        found.extend(seen.found);
    }
    prove(&stages, &values)?;
    let count = values.count();
    if !found.is_empty() {
        return wrong(&format!("in the logs there are\n{}", found.join("\n")));
    }
    say::part(
        "secrets",
        &format!(
            "they match none of {} patterns and {count} values; all planted secrets were found",
            PATTERNS.len()
        ),
    );
    Ok(())
}

/// The result of a search.
#[derive(Default)]
struct SearchResult {
    lines: usize,
    processes: usize,
    /// The kind of each finding and its file. The value itself is only in the file.
    found: Vec<String>,
}

fn search(folder: &Path, values: &Values) -> io::Result<SearchResult> {
    let mut seen = SearchResult::default();
    for path in files(folder, capture::LOG)? {
        let before = seen.lines;
        let mut log = BufReader::new(fs::File::open(&path)?);
        let mut line = Vec::new();
        while log.read_until(b'\n', &mut line)? > 0 {
            seen.lines += 1;
            let text = String::from_utf8_lossy(&line);
            let shape = PATTERNS.iter().find(|pattern| pattern.is_in(&text));
            let what = match shape {
                Some(shape) => Some(shape.name),
                None => values.are_in(&line).then_some("a value of the tests"),
            };
            if let Some(what) = what {
                let number = seen.lines - before;
                seen.found
                    .push(format!("{what}: {}:{number}", path.display()));
            }
            line.clear();
        }
        seen.processes += usize::from(seen.lines > before);
    }
    Ok(seen)
}

/// Plants each kind of secret in a copy of a log, and checks that each is found there.
fn prove(stages: &[PathBuf], values: &Values) -> io::Result<()> {
    let Some(stage) = stages.first() else {
        return Ok(());
    };
    let Some(value) = values.longest() else {
        return wrong("no test has noted a secret");
    };
    let honest = files(stage, capture::LOG)?;
    let honest = honest.iter().find_map(|path| {
        let text = fs::read_to_string(path).ok()?;
        text.lines().next().map(|line| format!("{line}\n"))
    });
    let honest = honest.unwrap_or_default();
    let planted = PATTERNS
        .iter()
        .map(|pattern| pattern.example)
        .chain([value]);
    let folder = stage.with_file_name(".planted");
    for secret in planted {
        fs::create_dir_all(&folder)?;
        let line = serde_json::json!({ "level": "ERROR", "cause": secret });
        fs::write(folder.join("copy.log"), format!("{honest}{line}\n{honest}"))?;
        let seen = search(&folder, values);
        fs::remove_dir_all(&folder)?;
        let found = seen?.found;
        if found.len() != 1 || !found[0].ends_with(":2") {
            return wrong("a secret planted in a copy of a log was not found");
        }
    }
    Ok(())
}

/// The secrets that tests have noted, by their first bytes.
struct Values {
    by_start: BTreeMap<[u8; START], BTreeSet<Vec<u8>>>,
}

impl Values {
    fn read(stages: &[PathBuf]) -> io::Result<Self> {
        let mut by_start = BTreeMap::<_, BTreeSet<_>>::new();
        for stage in stages {
            for path in files(stage, capture::SECRETS)? {
                for line in fs::read_to_string(&path)?.lines() {
                    let value: String = serde_json::from_str(line)?;
                    // Both as it is and escaped in JSON.
                    let quoted = serde_json::Value::from(value.as_str()).to_string();
                    for form in [value.as_str(), quoted.trim_matches('"')] {
                        if let Some(start) = form.as_bytes().first_chunk() {
                            by_start.entry(*start).or_default().insert(form.into());
                        }
                    }
                }
            }
        }
        Ok(Self { by_start })
    }

    fn are_in(&self, line: &[u8]) -> bool {
        (0..line.len()).any(|at| {
            let rest = &line[at..];
            let same = rest
                .first_chunk()
                .and_then(|start| self.by_start.get(start));
            same.is_some_and(|values| values.iter().any(|value| rest.starts_with(value)))
        })
    }

    fn count(&self) -> usize {
        self.by_start.values().map(BTreeSet::len).sum()
    }

    fn longest(&self) -> Option<&str> {
        let all = self.by_start.values().flatten();
        let text = all.filter_map(|value| std::str::from_utf8(value).ok());
        // A value that no pattern matches and that JSON does not escape.
        text.filter(|text| !text.contains(['"', '\\']))
            .filter(|text| !PATTERNS.iter().any(|pattern| pattern.is_in(text)))
            .max_by_key(|text| text.len())
    }
}

fn children(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<_> = fs::read_dir(folder)?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    Ok(paths)
}

fn files(folder: &Path, kind: &str) -> io::Result<Vec<PathBuf>> {
    let mut paths = children(folder)?;
    paths.retain(|path| path.extension() == Some(OsStr::new(kind)));
    Ok(paths)
}

fn wrong<T>(what: &str) -> io::Result<T> {
    Err(io::Error::other(what))
}
