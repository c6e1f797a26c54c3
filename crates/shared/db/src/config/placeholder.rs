//! Detects passwords that a console masks, and placeholders from documentation.

/// Words in the placeholders of documentation: `[YOUR-PASSWORD]`, `<password>`, `{your_password}`,
/// `${{Postgres.PGPASSWORD}}`.
const WORDS: [&str; 10] = [
    "your", "password", "passwd", "project", "region", "host", "user", "database", "endpoint",
    "dbname",
];

const BRACKETS: [(char, char); 3] = [('[', ']'), ('<', '>'), ('{', '}')];

/// Returns why `text` is a template rather than a connection string, if it is one.
pub(super) fn problem(text: &str) -> Option<&'static str> {
    if ["****", "••••", "●●●●"]
        .iter()
        .any(|mask| text.contains(mask))
    {
        return Some(
            "has a password that is masked with dots or asterisks: let the console show it before you copy",
        );
    }
    BRACKETS
        .iter()
        .any(|&(open, close)| text.split(open).skip(1).any(|rest| names(rest, close)))
        .then_some(
            "has a placeholder such as [YOUR-PASSWORD] or <host>: put the real value in its place",
        )
}

/// Returns whether `rest`, the text after a bracket, is a placeholder name that ends with `close`.
fn names(rest: &str, close: char) -> bool {
    let Some((inner, _)) = rest.split_once(close) else {
        return false;
    };
    let inner = inner.to_ascii_lowercase();
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_. ".contains(&byte);
    inner.len() <= 40 && inner.bytes().all(is_name) && WORDS.iter().any(|word| inner.contains(word))
}
