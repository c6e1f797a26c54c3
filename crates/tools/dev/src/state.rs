//! The folder that survives a restart: keys, chosen ports, data.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use slipway_emulators::postgres;

use crate::doctor::outputs::Outputs;
use crate::token::{TokenKey, owner_claim};

/// The folder of the state.
#[derive(Debug, Clone)]
pub(crate) struct StackState {
    folder: PathBuf,
}

/// The lock of a running stack. The kernel releases it when the process ends for any reason.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Values that are chosen once, so that URLs and keys survive a restart.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Chosen {
    pub(crate) postgres_port: u16,
    pub(crate) s3_port: u16,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
}

impl StackState {
    /// Opens the state in `folder`, which is created if it is missing.
    pub(crate) fn make(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let folder = fs::canonicalize(folder)?;
        Ok(Self { folder })
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Locks the folder, so that only one stack runs with it.
    pub(crate) fn lock(&self) -> io::Result<Lock> {
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(self.path("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(io::Error::other(format!(
                "another `cargo dev` runs with the state in {}: stop it first, or use its URL",
                self.folder.display()
            ))),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Deletes everything except downloaded programs.
    pub(crate) fn wipe(&self, _lock: &Lock) -> io::Result<()> {
        postgres::wipe(&self.path("postgres"))?;
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if ["lock", "tools"]
                .iter()
                .any(|kept| entry.file_name() == *kept)
            {
                continue;
            }
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// The key pair that signs tokens.
    pub(crate) fn key(&self) -> io::Result<TokenKey> {
        let path = self.path("token-key.pkcs8");
        match fs::read(&path) {
            Ok(pkcs8) => TokenKey::read(&pkcs8),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                keep(&path, &TokenKey::generate()?)?;
                // Read it back: another process may have written it first.
                TokenKey::read(&fs::read(&path)?)
            }
            Err(error) => Err(error),
        }
    }

    /// The values chosen before, or new ones.
    pub(crate) fn chosen(&self) -> io::Result<Chosen> {
        let path = self.path("chosen.json");
        if let Ok(text) = fs::read(&path) {
            return serde_json::from_slice(&text).map_err(|error| {
                io::Error::other(format!(
                    "{}: {error}; `cargo dev --fresh` creates a new state",
                    path.display()
                ))
            });
        }
        let chosen = Chosen {
            postgres_port: postgres::free_port()?,
            s3_port: postgres::free_port()?,
            access_key: format!("SLIPWAY{}", crate::token::random_hex(6)?.to_uppercase()),
            secret_key: crate::token::random_hex(20)?,
        };
        self.choose(&chosen)?;
        Ok(chosen)
    }

    /// Writes the addresses of the running stack for other programs, in the format of a
    /// deployment's outputs.
    pub(crate) fn announce(&self, outputs: &serde_json::Value) -> io::Result<()> {
        let path = self.path("running.json");
        fs::rename(write_fresh(&path, outputs.to_string().as_bytes())?, path)
    }

    /// Deletes the addresses of the last stack.
    pub(crate) fn retract(&self, _lock: &Lock) -> io::Result<()> {
        match fs::remove_file(self.path("running.json")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads the addresses of the running stack.
    pub(crate) fn running(&self) -> io::Result<Outputs> {
        if self.lock().is_ok() {
            return Err(io::Error::other(format!(
                "no stack runs with the state in {}: start `cargo dev`, or name a deployment by --outputs",
                self.folder.display()
            )));
        }
        let outputs = Outputs::read(&self.path("running.json"));
        outputs.map_err(|error| io::Error::other(format!("the stack is not up yet ({error})")))
    }

    /// The claim that owns files in the stack that runs or ran last, otherwise in a stack that
    /// would start here.
    pub(crate) fn owner_claim(&self) -> String {
        let outputs = Outputs::read(&self.path("running.json")).ok();
        let announced = outputs
            .as_ref()
            .and_then(|outputs| outputs.get("OwnerClaim"));
        announced.map_or_else(owner_claim, str::to_owned)
    }

    /// Stores other values.
    pub(crate) fn choose(&self, chosen: &Chosen) -> io::Result<()> {
        let path = self.path("chosen.json");
        let fresh = write_fresh(&path, &serde_json::to_vec_pretty(chosen)?)?;
        fs::rename(fresh, path)
    }
}

/// Creates a file with its whole content, unless it exists.
fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = write_fresh(path, bytes)?;
    let linked = fs::hard_link(&fresh, path);
    fs::remove_file(&fresh)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Writes a file next to `path` that only the owner can read.
fn write_fresh(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let fresh = path.with_added_extension(std::process::id().to_string());
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(true).write(true).mode(0o600);
    options.open(&fresh)?.write_all(bytes)?;
    Ok(fresh)
}
