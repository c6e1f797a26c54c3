//! Captures what functions print in tests, and notes the secrets that the tests gave them, so that
//! `cargo dev test secrets` can search the logs for the secrets.
//!
//! `cargo dev test` sets the folder in `SLIPWAY_LOGS`. Without it, nothing is written.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

/// The variable with the folder.
pub const FOLDER: &str = "SLIPWAY_LOGS";

/// The extension of log files. Each process has one.
pub const LOG: &str = "log";

/// The extension of files with secrets. Each line is a JSON string.
pub const SECRETS: &str = "secrets";

/// Variables of functions whose values are secret.
const SECRET_VARIABLES: [&str; 5] = [
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "DATABASE_URL",
    "JWT_SECRET",
    "SIGNING_SECRET_ACCESS_KEY",
];

/// A log file for a process of the program `name`, if logs are captured.
pub fn log(name: impl AsRef<Path>) -> io::Result<Option<File>> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = name.as_ref().file_name().unwrap_or_default();
    let name = name.to_string_lossy();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = path(&format!("{name}-{count}"), LOG);
    path.map(open).transpose()
}

/// Notes that `value` must not be in any log.
///
/// # Panics
/// If it cannot be noted: the search would miss it.
pub fn secret(value: &str) {
    static FILE: LazyLock<Option<Mutex<File>>> = LazyLock::new(|| {
        let file = open(path("all", SECRETS)?);
        #[expect(clippy::expect_used, reason = "see above")]
        Some(Mutex::new(file.expect("a file for secrets")))
    });
    if let Some(file) = &*FILE {
        let line = serde_json::Value::from(value).to_string() + "\n";
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        #[expect(clippy::expect_used, reason = "see above")]
        file.write_all(line.as_bytes()).expect("a secret is noted");
    }
}

/// Notes the secrets in the environment of a function. The password of a connection string is noted
/// separately as well.
pub fn environment<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) {
    for (name, value) in variables {
        if !SECRET_VARIABLES.contains(&name) || value.is_empty() {
            continue;
        }
        secret(value);
        let login = value
            .split_once("://")
            .and_then(|(_, rest)| rest.split_once('@'));
        if let Some((_, password)) = login.and_then(|(login, _)| login.split_once(':')) {
            secret(password);
        }
    }
}

/// Notes the signature of every signed URL in a response.
pub fn reply(text: &str) {
    const SIGNATURE: &str = "X-Amz-Signature=";
    for (at, _) in text.match_indices(SIGNATURE) {
        let rest = &text[at + SIGNATURE.len()..];
        let signature = rest.split(|c: char| !c.is_ascii_hexdigit()).next();
        signature.filter(|text| !text.is_empty()).map(secret);
    }
}

fn path(name: &str, kind: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(FOLDER).filter(|folder| !folder.is_empty())?;
    let us = std::env::current_exe().ok();
    let us = us.as_deref().and_then(|exe| exe.file_stem()?.to_str());
    let file = format!(
        "{}-{}-{name}.{kind}",
        us.unwrap_or("process"),
        std::process::id()
    );
    Some(PathBuf::from(folder).join(file))
}

fn open(path: PathBuf) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600).open(path)
}
