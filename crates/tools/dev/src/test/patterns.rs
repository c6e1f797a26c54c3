//! Patterns of secrets, for values that the tests do not know.

/// A pattern that no honest log line matches.
pub(super) struct SecretPattern {
    pub(super) name: &'static str,
    /// A made-up example, to test that the pattern finds it.
    pub(super) example: &'static str,
    find: fn(&str) -> bool,
}

impl SecretPattern {
    /// Whether `line` matches.
    pub(super) fn is_in(&self, line: &str) -> bool {
        (self.find)(line)
    }
}

pub(super) const PATTERNS: [SecretPattern; 9] = [
    SecretPattern {
        name: "a signature of S3",
        example: "https://b.s3.amazonaws.com/k?X-Amz-Signature=50d858e0985ecc7f",
        find: |line| line.contains("Signature=") || line.contains("Signature%3D"),
    },
    SecretPattern {
        name: "a session token in a URL",
        example: "https://b.s3.amazonaws.com/k?X-Amz-Security-Token=abc",
        find: |line| line.to_ascii_lowercase().contains("x-amz-security-token"),
    },
    SecretPattern {
        name: "a session token",
        example: "token IQoJb3JpZ2luX2VjEJr",
        find: |line| line.contains("IQoJb3JpZ2lu") || line.contains("FwoGZXIvYXdz"),
    },
    SecretPattern {
        name: "a JWT",
        example: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
        find: has_jwt,
    },
    SecretPattern {
        name: "a bearer token",
        example: "authorization: Bearer abcdef",
        find: |line| line.to_ascii_lowercase().contains("bearer "),
    },
    SecretPattern {
        name: "a connection string with a password",
        example: "could not use postgresql://app:pw@db.example/files",
        find: has_login,
    },
    SecretPattern {
        name: "a password",
        example: "host=db user=app password=pw",
        find: |line| line.to_ascii_lowercase().contains("password="),
    },
    SecretPattern {
        name: "an AWS secret key",
        example: "key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        find: has_aws_secret,
    },
    SecretPattern {
        name: "a PEM block",
        example: "-----BEGIN PRIVATE KEY-----",
        find: |line| line.contains("-----BEGIN "),
    },
];

fn has_jwt(line: &str) -> bool {
    line.match_indices("eyJ").any(|(at, _)| {
        let rest = &line[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
        end.is_some_and(|end| end > 10 && rest[end..].starts_with('.'))
    })
}

fn has_login(line: &str) -> bool {
    ["postgres://", "postgresql://"].iter().any(|scheme| {
        line.split(scheme).skip(1).any(|rest| {
            let end = rest.find(|c: char| c.is_whitespace() || "\"'`/".contains(c));
            let login = rest[..end.unwrap_or(rest.len())].split_once('@');
            login.is_some_and(|(login, _)| login.contains(':'))
        })
    })
}

/// Forty separate characters of base64 with every class of them: neither a path nor a hexadecimal
/// checksum.
fn has_aws_secret(line: &str) -> bool {
    let words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '/' && c != '+');
    words.filter(|word| word.len() == 40).any(|word| {
        let has = |class: fn(&u8) -> bool| word.bytes().any(|byte| class(&byte));
        has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_pattern_finds_its_example_and_no_honest_line() {
        for pattern in &PATTERNS {
            assert!(pattern.is_in(pattern.example), "{}", pattern.name);
        }
        for line in [
            r#"{"level":"ERROR","message":"failed","cause":"read postgres://db/files: refused"}"#,
            r#"{"requestId":"6bc28136-8f1c-4c36-9f3a-2d1f3c5a7e90","owner":"2bd806c97f0e00af"}"#,
            "DATABASE_URL must be a URL such as postgres://user@host/database",
            "sha1 da39a3ee5e6b4b0d3255bfef95601890afd80709 of /home/Anna/projects2/",
            "password is not among the words here, eyJust is",
        ] {
            for pattern in &PATTERNS {
                assert!(!pattern.is_in(line), "{}: {line}", pattern.name);
            }
        }
    }
}
