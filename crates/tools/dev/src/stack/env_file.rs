//! The `.env` that `cargo lambda watch --env-file` reads.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::settings::EnvChanges;

/// The first line of a file that we may replace.
const MARK: &str = "# Written by `cargo dev services`, which replaces it at each start.";

/// Fails if the file exists and was not written by us.
pub(super) fn claim(path: &Path) -> io::Result<()> {
    match fs::read_to_string(path) {
        Ok(text) if text.starts_with(MARK) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(_) => Err(io::Error::other(format!(
            "{} was not written by `cargo dev services`: move it, or choose another file with --env-file",
            path.display()
        ))),
        Err(error) => Err(io::Error::other(format!("{}: {error}", path.display()))),
    }
}

/// Writes the file with permissions for its owner only, since it has keys and a password.
pub(super) fn write(path: &Path, env: &EnvChanges) -> io::Result<()> {
    let fresh = path.with_added_extension(std::process::id().to_string());
    // An earlier process with the same id may have left a file that others can read.
    if let Err(error) = fs::remove_file(&fresh)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut options = fs::OpenOptions::new();
    let options = options.create_new(true).write(true).mode(0o600);
    options.open(&fresh)?.write_all(text(env).as_bytes())?;
    fs::rename(fresh, path)
}

/// Lines such as `NAME="value"`. A removed variable is empty, which the functions treat as unset.
fn text(env: &EnvChanges) -> String {
    let mut text = format!("{MARK}\n");
    for (name, value) in env.changes() {
        // The reader turns `\
        // ` into a line break. A value without quotes must not contain `=`.
        let value = value.replace('\n', "\\n");
        let quote = if value.contains('"') { '\'' } else { '"' };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}={quote}{value}{quote}");
    }
    text
}

/// The lines that [`write()`] wrote, for `eval` in a shell.
pub(super) fn exports(text: &str) -> String {
    let mut lines = String::new();
    for (name, quoted) in text.lines().filter_map(|line| line.split_once('=')) {
        if name.starts_with('#') {
            continue;
        }
        let inner = quoted.get(1..quoted.len().saturating_sub(1));
        let value = inner.unwrap_or_default().replace("\\n", "\n");
        // Writing to a String cannot fail.
        let _ = if value.is_empty() {
            writeln!(lines, "unset {name}")
        } else {
            writeln!(lines, "export {name}='{}'", value.replace('\'', r"'\''"))
        };
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_of_ours_is_private_and_replaced_and_any_other_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        let mut env = EnvChanges::default();
        env.set("JWT_PUBLIC_KEY", "-----BEGIN\nabc\n");
        env.remove("AWS_SESSION_TOKEN");
        for _ in 0..2 {
            claim(&path).unwrap();
            write(&path, &env).unwrap();
        }
        let expected =
            format!("{MARK}\nJWT_PUBLIC_KEY=\"-----BEGIN\\nabc\\n\"\nAWS_SESSION_TOKEN=\"\"\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        assert_eq!(
            exports(&expected),
            "export JWT_PUBLIC_KEY='-----BEGIN\nabc\n'\nunset AWS_SESSION_TOKEN\n"
        );
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        fs::write(&path, "MINE=1\n").unwrap();
        assert!(claim(&path).is_err());
    }
}
