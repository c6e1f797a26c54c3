//! Detects OpenSSL's headers on this machine.

use std::io;
use std::process::{Command, Stdio};

use slipway_emulators::tools;

/// Whether `openssl-sys` will find OpenSSL. The rules are its own.
pub(crate) fn is_installed() -> io::Result<bool> {
    let told = ["OPENSSL_DIR", "OPENSSL_LIB_DIR", "OPENSSL_STATIC"];
    // On macOS native-tls uses the system's TLS.
    if cfg!(target_os = "macos") || told.iter().any(|name| std::env::var_os(name).is_some()) {
        return Ok(true);
    }
    let mut pkg_config = Command::new("pkg-config");
    pkg_config
        .args(["--exists", "openssl"])
        .stderr(Stdio::null());
    if pkg_config.status().is_ok_and(|status| status.success()) {
        return Ok(true);
    }
    if ["perl", "make"]
        .iter()
        .all(|tool| tools::find(tool).is_some())
    {
        return Ok(false);
    }
    Err(io::Error::other(
        "the functions need OpenSSL: install its headers and pkg-config (on Debian: apt-get \
         install libssl-dev pkg-config), or perl and make so that it can be built from source",
    ))
}
