//! The files of the hosted page, and the headers of each.

use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

/// The built page without configuration and policy.
const INDEX: &str = "index.html";

/// Names in this folder contain a hash of the content.
const HASHED: &str = "assets/";

/// A file of the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item {
    pub(crate) key: String,
    pub(crate) content_type: &'static str,
    pub(crate) cache_control: &'static str,
    #[serde(skip)]
    pub(crate) bytes: Vec<u8>,
}

impl Item {
    fn new(key: String, bytes: Vec<u8>) -> Self {
        let (content_type, cache_control) = (content_type(&key), cache_control(&key));
        Self {
            key,
            content_type,
            cache_control,
            bytes,
        }
    }
}

/// The files of a built page with this configuration and policy, in the order to upload them.
/// `index.html` is last, because it refers to the others.
pub(crate) fn plan(
    built: Vec<(String, Vec<u8>)>,
    config: &str,
    policy: &str,
) -> io::Result<Vec<Item>> {
    let mut items = Vec::new();
    let mut index = None;
    for (key, bytes) in built {
        match key.as_str() {
            INDEX => index = Some(bytes),
            "config.json" => {}
            _ => items.push(Item::new(key, bytes)),
        }
    }
    items.sort_by(|one, other| one.key.cmp(&other.key));
    items.push(Item::new("config.json".to_owned(), config.into()));
    let index = index.ok_or_else(|| io::Error::other("the built page has no index.html"))?;
    items.push(Item::new(INDEX.to_owned(), guarded(&index, policy)?));
    Ok(items)
}

/// `index.html` with its policy before anything that is loaded.
fn guarded(index: &[u8], policy: &str) -> io::Result<Vec<u8>> {
    let after = r#"<meta charset="utf-8" />"#;
    let text = String::from_utf8_lossy(index);
    let (before, rest) = text
        .split_once(after)
        .ok_or_else(|| io::Error::other(format!("index.html has no {after}")))?;
    let meta = format!(r#"<meta http-equiv="Content-Security-Policy" content="{policy}" />"#);
    Ok(format!("{before}{after}\n    {meta}{rest}").into_bytes())
}

/// Every file in a folder, by its relative path.
pub(crate) fn files(folder: &Path) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    collect(folder, "", &mut found)?;
    Ok(found)
}

fn collect(folder: &Path, prefix: &str, found: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let key = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{key}/"), found)?;
        } else {
            found.push((key, fs::read(entry.path())?));
        }
    }
    Ok(())
}

/// The `cache-control` of a file.
pub(crate) fn cache_control(file: &str) -> &'static str {
    if file.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    }
}

/// The content type of a file, by its name.
pub(crate) fn content_type(file: &str) -> &'static str {
    match file.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("wasm") => "application/wasm",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(index: &str) -> Vec<(String, Vec<u8>)> {
        let files = [
            (INDEX, index),
            ("config.json", "{\"api\": \"http://localhost\"}"),
            ("favicon.svg", "<svg/>"),
            ("assets/index-Dl_G.js", "run()"),
            ("assets/index-D5F.css", "a {}"),
        ];
        files
            .map(|(key, text)| (key.to_owned(), text.into()))
            .to_vec()
    }

    #[test]
    fn every_file_has_its_type_and_hashed_files_are_cached() {
        let index = "<head>\n    <meta charset=\"utf-8\" />\n    <script></script></head>";
        let items = plan(built(index), "{}", "default-src 'self'").unwrap();
        let shown: Vec<_> = items
            .iter()
            .map(|one| (one.key.as_str(), one.content_type, one.cache_control))
            .collect();
        let kept = "public, max-age=31536000, immutable";
        assert_eq!(
            shown,
            [
                ("assets/index-D5F.css", "text/css; charset=utf-8", kept),
                (
                    "assets/index-Dl_G.js",
                    "text/javascript; charset=utf-8",
                    kept
                ),
                ("favicon.svg", "image/svg+xml", "no-cache"),
                ("config.json", "application/json", "no-cache"),
                (INDEX, "text/html; charset=utf-8", "no-cache"),
            ]
        );
        assert_eq!(items[3].bytes, b"{}");
        assert_eq!(
            String::from_utf8_lossy(&items[4].bytes),
            "<head>\n    <meta charset=\"utf-8\" />\n    <meta http-equiv=\"Content-Security-Policy\" \
             content=\"default-src 'self'\" />\n    <script></script></head>"
        );
    }

    #[test]
    fn a_page_without_a_place_for_its_policy_is_refused() {
        assert!(plan(built("<head></head>"), "{}", "x").is_err());
        assert!(plan(Vec::new(), "{}", "x").is_err());
    }
}
