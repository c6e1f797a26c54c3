//! Media types: which are well-formed, which this deployment accepts, and which are safe to show.

use crate::env::ConfigError;
use crate::error::{Code, Error};

/// A well-formed media type with its parameters, exactly as the client wrote it: it becomes a signed header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentType(String);

impl ContentType {
    /// The longest type, in bytes; the registry's longest name has 127 (RFC 6838).
    pub const MAX_BYTES: usize = 255;

    /// Fails with `invalid_request`.
    pub fn parse(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        let well_formed =
            text.len() <= Self::MAX_BYTES && text.trim() == text && is_media_type(&text);
        if well_formed {
            Ok(Self(text))
        } else {
            Err(Error::invalid_request(
                "contentType must be a media type such as image/png or text/plain; charset=utf-8.",
            ))
        }
    }

    /// The type as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same with one space for any number of spaces and tabs: a signature sees it so (AWS's Signature Version 4
    /// collapses spaces), and not everybody agrees about tabs.
    #[must_use]
    pub fn single_spaced(&self) -> String {
        let words = self.0.split([' ', '\t']);
        words
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// `type "/" subtype *( OWS ";" OWS name "=" value )` (RFC 9110, section 8.3.1). `*` is a token, but no type.
fn is_media_type(text: &str) -> bool {
    let mut parts = split_parameters(text);
    let Some((kind, subtype)) = parts.next().and_then(|part| part.split_once('/')) else {
        return false;
    };
    is_type(kind)
        && is_type(subtype.trim_end_matches([' ', '\t']))
        && parts.all(|part| {
            part.trim_matches([' ', '\t'])
                .split_once('=')
                .is_some_and(|(name, value)| {
                    is_token(name) && (is_token(value) || is_quoted(value))
                })
        })
}

/// A token that names one type: `*` names all.
fn is_type(text: &str) -> bool {
    is_token(text) && !text.contains('*')
}

/// Splits at the semicolons that are not inside quotes.
fn split_parameters(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let mut escaped = false;
    text.split(move |c| {
        let separates = c == ';' && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && quoted && !escaped;
        separates
    })
}

fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn is_quoted(text: &str) -> bool {
    let Some(inner) = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
    else {
        return false;
    };
    let mut escaped = false;
    let sound = inner.bytes().all(|byte| {
        let fine = (0x20..0x7f).contains(&byte) && (escaped || byte != b'"');
        escaped = byte == b'\\' && !escaped;
        fine
    });
    sound && !escaped
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

/// Whether a browser shows this type without running anything in it: raster images, audio, video, PDF, plain text.
///
/// Anything else is only ever answered as an attachment. `+xml` is not inert whatever stands before it:
/// browsers parse it as XML, and run scripts in the XHTML namespace.
#[must_use]
pub fn is_inert(content_type: &str) -> bool {
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

    /// Fails with `type_not_allowed`, naming what is.
    pub fn check(&self, content_type: &ContentType) -> Result<(), Error> {
        let essence = essence(content_type.as_str());
        if self.0.iter().any(|pattern| pattern.matches(&essence)) {
            return Ok(());
        }
        let allowed: Vec<_> = self.0.iter().map(Pattern::to_string).collect();
        Err(Error::new(
            Code::TypeNotAllowed,
            format!(
                "Files of type {essence} are not accepted here. Accepted: {}.",
                allowed.join(", ")
            ),
        ))
    }
}

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
            "text/plain\r\nX-Evil: 1",
            "text/plain\0",
            "text/plän",
            " text/plain",
            "a b/c",
            "text/plain, text/html",
            "a/b;",
            "a/b;c",
            "a/b;c=",
            "a/b;c=\"",
            "a/b;c=\"\\\"",
            "a/b; =c",
            "a/b ",
            "a/b\t",
            "a/b;c=d ",
        ] {
            assert!(ContentType::parse(bad).is_err(), "{bad:?}");
        }
        assert!(ContentType::parse(format!("a/{}", "b".repeat(254))).is_err());
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
        assert!(!check("text/plain") && !check("application/json") && !check("imagex/png"));
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
        fn nothing_accepted_can_break_a_header(text in "\\PC{0,12}/\\PC{0,12}|[ -~\r\n]{0,40}") {
            if let Ok(content_type) = ContentType::parse(text) {
                prop_assert!(content_type.as_str().bytes().all(|b| (0x20..0x7f).contains(&b)));
            }
        }
    }
}
