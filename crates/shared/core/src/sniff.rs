//! Detects the type of a file from its first bytes.

/// The number of bytes that are read. More would not improve the detection.
pub const SNIFF_BYTES: usize = 512;

/// The type of a file that starts with `head`; `None` for plain text and for unknown types.
///
/// Markup is checked first, because browsers execute it and libraries detect it less strictly than
/// browsers do. The patterns for HTML are those of the WHATWG MIME Sniffing standard. SVG is added,
/// with or without a prolog.
#[must_use]
pub fn detect(head: &[u8]) -> Option<&'static str> {
    markup(head).or_else(|| infer::get(head).map(|kind| kind.mime_type()))
}

/// Tags that make a browser treat text as HTML (MIME Sniffing, section 7.1).
const HTML_TAGS: [&str; 17] = [
    "!doctype html",
    "html",
    "head",
    "script",
    "iframe",
    "h1",
    "div",
    "font",
    "table",
    "a",
    "style",
    "title",
    "b",
    "body",
    "br",
    "p",
    "!--",
];

fn markup(head: &[u8]) -> Option<&'static str> {
    let text = as_ascii(head);
    let text = text.trim_start();
    if let Some(at) = text.find("<svg") {
        // In XML a prolog, comments or a doctype with entities may precede the root.
        let before = &text[..at];
        if before.is_empty() || before.starts_with('<') {
            return Some("image/svg+xml");
        }
    }
    if text.starts_with("<?xml") {
        return Some("text/xml");
    }
    let tag = text.strip_prefix('<')?;
    HTML_TAGS
        .iter()
        .any(|name| opens(tag, name))
        .then_some("text/html")
}

fn opens(tag: &str, name: &str) -> bool {
    tag.strip_prefix(name).is_some_and(|rest| {
        name == "!--"
            || rest.is_empty()
            || rest.starts_with([' ', '\t', '\n', '\r', '\x0c', '>', '/'])
    })
}

/// The ASCII characters of `head` in lower case, without a byte order mark and without the zero
/// bytes of UTF-16, so that an encoding cannot hide markup.
fn as_ascii(head: &[u8]) -> String {
    head.iter()
        .filter(|byte| byte.is_ascii() && **byte != 0)
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content_type::is_inert;
    use proptest::prelude::*;

    #[test]
    fn what_a_browser_would_run_is_seen() {
        for (head, kind) in [
            (
                &b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'>"[..],
                "image/svg+xml",
            ),
            (b"\xef\xbb\xbf  \n<SVG>", "image/svg+xml"),
            (b"<!-- a comment --><svg>", "image/svg+xml"),
            (b"<?xml version='1.0'?><svg>", "image/svg+xml"),
            (b"<!DOCTYPE svg PUBLIC 'x'><svg>", "image/svg+xml"),
            (b"<?xml version='1.0'?><html>", "text/xml"),
            (b"<!doctype HTML>", "text/html"),
            (b"  <ScRiPt>alert(1)", "text/html"),
            (b"<b>bold", "text/html"),
            (b"<!--x", "text/html"),
            (b"\xff\xfe<\0h\0t\0m\0l\0>\0", "text/html"),
            (b"\0<\0s\0v\0g\0>", "image/svg+xml"),
        ] {
            assert_eq!(
                detect(head),
                Some(kind),
                "{:?}",
                String::from_utf8_lossy(head)
            );
            assert!(!is_inert(kind));
        }
    }

    #[test]
    fn what_is_inert_stays_so() {
        assert_eq!(detect(b"\x89PNG\r\n\x1a\n........"), Some("image/png"));
        assert_eq!(detect(b"\xff\xd8\xff\xe0...."), Some("image/jpeg"));
        assert_eq!(detect(b"%PDF-1.7 ..."), Some("application/pdf"));
        for unknown in [
            &b""[..],
            b"hello, world",
            b"a < b",
            b"1 <svg",
            b"<bogus>",
            b"<balance 5",
        ] {
            assert_eq!(
                detect(unknown),
                None,
                "{:?}",
                String::from_utf8_lossy(unknown)
            );
        }
    }

    proptest! {
        #[test]
        fn wild_bytes_never_panic(head in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = detect(&head);
        }
    }
}
