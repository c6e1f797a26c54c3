//! `Content-Disposition` for downloads under the original name.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All characters except RFC 8187's `attr-char`.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// `attachment` with the exact name (`filename*`, RFC 6266 and RFC 8187), and an ASCII name for old
/// clients.
///
/// `ascii_name` must not contain quotes or backslashes. Names in our keys never do.
#[must_use]
pub fn attachment(file_name: &str, ascii_name: &str) -> String {
    format!(
        "attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{}",
        utf8_percent_encode(file_name, NOT_ATTR_CHAR)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn carries_unicode() {
        assert_eq!(
            attachment("Über (1)'.jpg", "ber-1.jpg"),
            "attachment; filename=\"ber-1.jpg\"; filename*=UTF-8''%C3%9Cber%20%281%29%27.jpg"
        );
    }

    proptest! {
        #[test]
        fn no_name_breaks_out_of_the_header(name in "\\PC{1,60}") {
            let header = attachment(&name, "a.txt");
            prop_assert!(header.bytes().all(|b| (0x20..0x7f).contains(&b)));
            prop_assert_eq!(header.matches(['"', ';', '\\']).count(), 4);
        }
    }
}
