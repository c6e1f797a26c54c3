//! Writes docs/performance.md: the sections between two markers are generated, and the rest is
//! written by people.

use std::fs;
use std::io;
use std::path::Path;

/// Writes `text` into the section `name` of the document.
pub(crate) fn write(root: &Path, name: &str, text: &str) -> io::Result<()> {
    let path = root.join("docs/performance.md");
    let document = fs::read_to_string(&path)?;
    let written = replaced(&document, name, text)
        .ok_or_else(|| io::Error::other(format!("{} has no section {name}", path.display())))?;
    fs::write(path, written)
}

/// The document with another text between the markers of `name`.
fn replaced(document: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (
        format!("<!-- begin {name} -->"),
        format!("<!-- end {name} -->"),
    );
    let (before, rest) = document.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!(
        "{before}{begin}\n\n{}\n\n{end}{after}",
        text.trim()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let document =
            "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n<!-- begin y -->\n<!-- end y -->\n";
        let new =
            "a\n<!-- begin x -->\n\nnew\n\n<!-- end x -->\nb\n<!-- begin y -->\n<!-- end y -->\n";
        assert_eq!(replaced(document, "x", "new\n").as_deref(), Some(new));
        assert_eq!(replaced(new, "x", "new").as_deref(), Some(new));
        assert_eq!(replaced(document, "z", "new"), None);
    }
}
