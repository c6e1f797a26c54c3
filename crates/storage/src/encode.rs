//! Text as SigV4 wants it, appended to bytes that are hashed as they are.

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// `text` with all but RFC 3986's unreserved characters as `%XX`.
pub(crate) fn write_encoded(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    // Most is plain. Without an early end, many bytes are looked at at once.
    if bytes
        .iter()
        .fold(true, |plain, byte| plain & is_unreserved(*byte))
    {
        out.extend_from_slice(bytes);
        return;
    }
    out.reserve(3 * bytes.len());
    for &byte in bytes {
        if is_unreserved(byte) {
            out.push(byte);
        } else {
            let [high, low] = digits(byte, UPPER);
            out.extend_from_slice(&[b'%', high, low]);
        }
    }
}

/// `bytes` in lower-case hexadecimal.
pub(crate) fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(bytes.iter().flat_map(|byte| digits(*byte, LOWER)));
}

/// `number` in decimal.
pub(crate) fn write_number(number: u64, out: &mut Vec<u8>) {
    if number >= 10 {
        write_number(number / 10, out);
    }
    out.push(b'0' + (number % 10) as u8);
}

/// A number below 100 in two digits.
pub(crate) fn write_two_digits(number: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'0' + number / 10, b'0' + number % 10]);
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

const fn digits(byte: u8, of: &[u8; 16]) -> [u8; 2] {
    [of[(byte >> 4) as usize], of[(byte & 15) as usize]]
}
