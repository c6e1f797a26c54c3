//! Media types: which are well-formed, which this deployment accepts, and which are safe to show.

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::env::ConfigError;
use crate::error::{Code, Error};

/// A well-formed media type with its parameters, exactly as the client sent it: it becomes a signed
/// header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType(String);

impl ContentType {
    /// The longest type, in bytes; the registry's longest name has 127 (RFC 6838).
    pub const MAX_BYTES: usize = 255;

    /// Fails with `invalid_request`.
    pub fn parse(text: impl Into<String>) -> Result<Self, Error> {
        // RFC 9110 (OWS) allows tabs where it allows spaces, but implementations of Signature
        // Version 4 disagree about tabs.
        let text = text.into();
        let text = text.replace('\t', " ");
        if text.len() <= Self::MAX_BYTES && is_media_type(&text) {
            Ok(Self(text))
        } else {
            Err(Error::invalid_request(
                "contentType must be a media type such as image/png or text/plain; charset=utf-8, \
                 in printable ASCII and at most 255 bytes.",
            ))
        }
    }

    /// The type as written, with a space for each tab.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `type/subtype`, and after a semicolon any printable ASCII.
///
/// RFC 9110 (section 5.6.6) allows empty parameters. Browsers also send values that it does not
/// allow: `MediaRecorder` produces `video/webm;codecs=vp8,opus`. The value is a signed header,
/// which every client sends unchanged.
fn is_media_type(text: &str) -> bool {
    let (essence, parameters) = match text.split_once(';') {
        Some((essence, parameters)) => (essence.trim_end_matches(' '), parameters),
        None => (text, ""),
    };
    essence
        .split_once('/')
        .is_some_and(|(kind, subtype)| is_type(kind) && is_type(subtype))
        && parameters.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// A token that names one type: `*` names all.
fn is_type(text: &str) -> bool {
    is_token(text) && !text.contains('*')
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// The type without its parameters, in lower case.
fn essence(content_type: &str) -> String {
    content_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// The types after a comma. Browsers parse the header as a list and use its last valid type (Fetch,
/// section 2.2.2, "extract a MIME type"): `image/png;x=,text/html` is HTML to them.
fn listed(content_type: &str) -> impl Iterator<Item = String> {
    // Commas in quotes count as well, because this must not depend on how a browser reads an
    // unbalanced quote.
    content_type
        .split(',')
        .skip(1)
        .filter(|part| part.contains('/'))
        .map(essence)
}

/// Returns whether a browser displays this type without executing anything in it: raster images,
/// audio, video, PDF, plain text.
///
/// All other types are served only as an attachment. `+xml` is not inert, whatever precedes it:
/// browsers parse it as XML, and run scripts in the XHTML namespace. A header that lists several
/// types is not inert.
#[must_use]
pub fn is_inert(content_type: &str) -> bool {
    if listed(content_type).next().is_some() {
        return false;
    }
    let essence = essence(content_type);
    match essence.split_once('/') {
        Some(("audio" | "video", subtype)) => {
            !subtype.is_empty()
                && !["xml", "html", "svg"]
                    .iter()
                    .any(|markup| subtype.contains(markup))
        }
        Some(("image", subtype)) => matches!(
            subtype,
            "apng"
                | "avif"
                | "bmp"
                | "gif"
                | "heic"
                | "heif"
                | "jpeg"
                | "jpg"
                | "png"
                | "tiff"
                | "vnd.microsoft.icon"
                | "webp"
                | "x-icon"
        ),
        Some(("application", "pdf") | ("text", "plain")) => true,
        _ => false,
    }
}

/// Which types may be uploaded: patterns such as `image/*,application/pdf`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedTypes(Vec<Pattern>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Any,
    Type(String),
    Exact(String),
}

impl AllowedTypes {
    /// Reads `ALLOWED_CONTENT_TYPES`.
    pub fn parse(patterns: &str) -> Result<Self, ConfigError> {
        let parsed: Option<Vec<_>> = patterns.split(',').map(Pattern::parse).collect();
        parsed.map(Self).ok_or_else(|| {
            ConfigError::new(
                "ALLOWED_CONTENT_TYPES",
                "must be patterns such as */* or image/*,application/pdf",
            )
        })
    }

    /// Fails with `type_not_allowed`, and names the allowed types. Parameters do not count, unless
    /// a browser finds a type in them.
    pub fn check(&self, content_type: &ContentType) -> Result<(), Error> {
        self.check_text(content_type.as_str())
    }

    /// The same for a type from S3, which may be malformed.
    pub fn check_text(&self, text: &str) -> Result<(), Error> {
        let allows = |essence: &String| self.0.iter().any(|pattern| pattern.matches(essence));
        let mut essences = std::iter::once(essence(text)).chain(listed(text));
        let Some(essence) = essences.find(|essence| !allows(essence)) else {
            return Ok(());
        };
        Err(Error::new(
            Code::TypeNotAllowed,
            format!("Files of type {essence} are not accepted here. Accepted: {self}."),
        ))
    }
}

/// Patterns in an array of JSON, such as `["image/*"]`.
impl<'de> Deserialize<'de> for AllowedTypes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Patterns)
    }
}

struct Patterns;

impl<'de> Visitor<'de> for Patterns {
    type Value = AllowedTypes;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("patterns such as [\"image/*\", \"application/pdf\"]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut patterns: A) -> Result<AllowedTypes, A::Error> {
        let mut parsed = Vec::new();
        while let Some(text) = patterns.next_element::<String>()? {
            let pattern = Pattern::parse(&text).ok_or_else(|| A::Error::custom(WRONG))?;
            parsed.push(pattern);
        }
        if parsed.is_empty() {
            return Err(A::Error::custom(WRONG));
        }
        Ok(AllowedTypes(parsed))
    }
}

const WRONG: &str = "types must be patterns such as */* or image/*";

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        match text.split_once('/')? {
            ("*", "*") => Some(Self::Any),
            (kind, "*") if is_type(kind) => Some(Self::Type(kind.to_owned())),
            (kind, subtype) if is_type(kind) && is_type(subtype) => Some(Self::Exact(text)),
            _ => None,
        }
    }

    fn matches(&self, essence: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Type(kind) => essence.split('/').next() == Some(kind),
            Self::Exact(exact) => exact == essence,
        }
    }
}

impl std::fmt::Display for AllowedTypes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, pattern) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            pattern.fmt(f)?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("*/*"),
            Self::Type(kind) => write!(f, "{kind}/*"),
            Self::Exact(exact) => f.write_str(exact),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn well_formed_types() {
        for fine in [
            "text/plain",
            "text/plain; charset=utf-8",
            "image/svg+xml",
            "application/vnd.ms-excel",
            "Image/PNG",
            "text/plain;charset=\"utf-8\"",
            "a/b;c=\"d;e\\\"f\" ; g*=h",
            // As browsers write them.
            "video/webm;codecs=vp8,opus",
            "video/x-matroska;codecs=avc1,opus",
            "audio/mp4; codecs=\"mp4a.40.2\"",
            "text/plain;",
            "text/plain; ",
            "text/plain ; charset = utf-8",
            "text/plain;;charset=utf-8",
            "text/plain;charset",
            "text/plain;charset=",
            "text/plain;charset=\"utf-8",
            "text/plain;  charset=utf-8;  x=(y)@z",
            "text/plain;=utf-8",
            "a/b; ~!@#$%^&*()[]{}\\|'<>?/,.",
        ] {
            assert_eq!(ContentType::parse(fine).expect(fine).as_str(), fine);
        }
        for bad in [
            "",
            "text",
            "text/",
            "/plain",
            "*/*",
            "image/*",
            "image/*;q=1",
            "text/plain\r\nX-Evil: 1",
            "text/plain;\r\nX-Evil: 1",
            "text/plain; charset=utf-8\n",
            "text/plain\0",
            "text/plain;\0",
            "text/plain;\u{7f}",
            "text/plän",
            "text/plain;charset=ü",
            " text/plain",
            "a b/c",
            "a/b c",
            "a /b",
            "a/ b",
            "a/b/c",
            ";a/b",
            "text/plain, text/html",
            "a/b ",
            "a/b\t",
        ] {
            assert!(ContentType::parse(bad).is_err(), "{bad:?}");
        }
        assert!(ContentType::parse(format!("a/{}", "b".repeat(254))).is_err());
        let tabs = ContentType::parse("a/b\t;\tc=d").expect("optional white space");
        assert_eq!(tabs.as_str(), "a/b ; c=d");
    }

    #[test]
    fn only_what_runs_nothing_is_inert() {
        for inert in [
            "image/png",
            "IMAGE/PNG",
            "image/jpeg",
            "audio/mpeg",
            "video/mp4",
            "application/pdf",
            "text/plain; charset=utf-8",
            "video/webm;codecs=vp8,opus",
            "text/plain ;",
        ] {
            assert!(is_inert(inert), "{inert}");
        }
        for active in [
            "text/html",
            "image/svg+xml",
            "application/xhtml+xml",
            "text/xml",
            "application/javascript",
            "video/x+xml",
            "audio/html",
            "video/svg",
            "application/octet-stream",
            "text/css",
            "",
            "text",
            "image/",
            "audio/",
            "image/png;x=,text/html",
            "image/png;x=\"a,text/html;b\"",
            "text/plain;, TEXT/HTML ;x",
        ] {
            assert!(!is_inert(active), "{active}");
        }
    }

    #[test]
    fn patterns() {
        let allowed = AllowedTypes::parse("image/*, application/PDF").expect("patterns");
        let check = |text: &str| {
            allowed
                .check(&ContentType::parse(text).expect(text))
                .is_ok()
        };
        assert!(check("image/png") && check("Image/Webp") && check("application/pdf; x=y"));
        assert!(check("IMAGE/png ;x") && check("image/png;codecs=a,b") && check("image/png;"));
        assert!(!check("text/plain") && !check("application/json") && !check("imagex/png"));
        // A value that a browser treats as HTML is HTML.
        assert!(!check("image/png;x=,text/html") && !check("image/png;,image/gif,text/html;y"));
        assert!(check("image/png;x=,image/gif"));
        assert!(
            AllowedTypes::parse("*/*")
                .expect("any")
                .check(&ContentType::parse("a/b").expect("a/b"))
                .is_ok()
        );
        for bad in ["", "image", "*/png", "image/*;q=1", "image/*,,", "im*/png"] {
            assert!(AllowedTypes::parse(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_accepted_can_break_a_header(text in "\\PC{0,12}/\\PC{0,12}|[ -~\r\n]{0,40}|a/b;[ -~\t\r\n\u{7f}\u{e9}]{0,40}") {
            if let Ok(content_type) = ContentType::parse(text) {
                prop_assert!(content_type.as_str().bytes().all(|b| (0x20..0x7f).contains(&b)));
            }
        }
    }
}
