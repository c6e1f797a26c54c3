//! Encoders for SigV4. They append to a buffer that is then hashed.

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// Appends `text`, with all characters except RFC 3986's unreserved ones as `%XX`.
pub(crate) fn write_encoded(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    // Most texts need no encoding. A loop without an early exit is vectorised.
    if bytes
        .iter()
        .fold(true, |plain, byte| plain & is_unreserved(*byte))
    {
        out.extend_from_slice(bytes);
        return;
    }
    // Write four bytes every time and advance by the encoded length (1 or 3). The loop then has no
    // branch that depends on the data. This halves the time for the longest name (3.2 to 1.6 µs;
    // `cargo dev bench signer` has the whole URL).
    let mut at = out.len();
    out.resize(at + 3 * bytes.len() + 1, 0);
    for &byte in bytes {
        let spelled = ENCODED[usize::from(byte)];
        out[at..at + 4].copy_from_slice(&spelled);
        at += usize::from(spelled[3]);
    }
    out.truncate(at);
}

/// The encoded form of each byte, and its length.
static ENCODED: [[u8; 4]; 256] = {
    let mut encoded = [[0; 4]; 256];
    let mut byte = 0_u8;
    loop {
        encoded[byte as usize] = if is_unreserved(byte) {
            [byte, 0, 0, 1]
        } else {
            let [high, low] = digits(byte, UPPER);
            [b'%', high, low, 3]
        };
        if byte == u8::MAX {
            break encoded;
        }
        byte += 1;
    }
};

/// Appends `bytes` in lower-case hexadecimal.
pub(crate) fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(bytes.iter().flat_map(|byte| digits(*byte, LOWER)));
}

/// Appends `number` in decimal.
pub(crate) fn write_number(number: u64, out: &mut Vec<u8>) {
    if number >= 10 {
        write_number(number / 10, out);
    }
    out.push(b'0' + (number % 10) as u8);
}

/// Appends a number below 100 as two digits.
pub(crate) fn write_two_digits(number: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[b'0' + number / 10, b'0' + number % 10]);
}

const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

const fn digits(byte: u8, of: &[u8; 16]) -> [u8; 2] {
    [of[(byte >> 4) as usize], of[(byte & 15) as usize]]
}
