//! Parses `host=… user=… password='…'`, libpq's other format, into options.

use std::iter::Peekable;
use std::str::Chars;

use super::options::Options;

/// The options in `text`. A value with blanks is in single quotes; `\` escapes `'` and `\`.
pub(super) fn options(text: &str) -> Result<Options, String> {
    let mut options = Options::default();
    let mut chars = text.chars().peekable();
    loop {
        skip_blanks(&mut chars);
        if chars.peek().is_none() {
            return Ok(options);
        }
        let key: String =
            std::iter::from_fn(|| chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_'))
                .collect();
        skip_blanks(&mut chars);
        if key.is_empty() || chars.next() != Some('=') {
            return Err(
                "must be postgres://user:password@host/dbname, or key=value pairs".to_owned(),
            );
        }
        skip_blanks(&mut chars);
        let value = value(&mut chars)?;
        options.add(&key, &value);
    }
}

fn value(chars: &mut Peekable<Chars<'_>>) -> Result<String, String> {
    let quoted = chars.next_if_eq(&'\'').is_some();
    let mut value = String::new();
    loop {
        match chars.next() {
            Some('\'') if quoted => return Ok(value),
            Some(c) if !quoted && c.is_whitespace() => return Ok(value),
            Some('\\') => value.extend(chars.next()),
            Some(c) => value.push(c),
            None if quoted => return Err("has a quote that does not end".to_owned()),
            None => return Ok(value),
        }
    }
}

fn skip_blanks(chars: &mut Peekable<Chars<'_>>) {
    while chars.next_if(|c| c.is_whitespace()).is_some() {}
}
