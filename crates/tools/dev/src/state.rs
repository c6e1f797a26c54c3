//! The folder that survives: keys, chosen ports, data.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use slipway_emulators::postgres;

use crate::doctor::outputs::Outputs;
use crate::token::{Key, owner_claim};

/// The state's folder, which exists.
#[derive(Debug, Clone)]
pub(crate) struct State {
    folder: PathBuf,
}

/// Held while a stack runs; the kernel lets go of it when the process ends, however.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// What was chosen once and stays, so that URLs and keys survive a restart.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Chosen {
    pub(crate) postgres_port: u16,
    pub(crate) s3_port: u16,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
}

impl State {
    /// The state in `folder`, which is made if it is not there.
    pub(crate) fn make(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let folder = fs::canonicalize(folder)?;
        Ok(Self { folder })
    }

    /// A place in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Makes this the one stack in this folder.
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

    /// Removes everything but what was fetched, which is nobody's data.
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
    pub(crate) fn key(&self) -> io::Result<Key> {
        let path = self.path("token-key.pkcs8");
        match fs::read(&path) {
            Ok(pkcs8) => Key::read(&pkcs8),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                keep(&path, &Key::generate()?)?;
                // Not the one just made: another process may have been first.
                Key::read(&fs::read(&path)?)
            }
            Err(error) => Err(error),
        }
    }

    /// What was chosen before, or is chosen now.
    pub(crate) fn chosen(&self) -> io::Result<Chosen> {
        let path = self.path("chosen.json");
        if let Ok(text) = fs::read(&path) {
            return serde_json::from_slice(&text).map_err(|error| {
                io::Error::other(format!(
                    "{}: {error}; `cargo dev --fresh` begins anew",
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

    /// Tells other programs where the running stack is, as a deployment's outputs do.
    pub(crate) fn announce(&self, outputs: &serde_json::Value) -> io::Result<()> {
        let path = self.path("running.json");
        fs::rename(write_fresh(&path, outputs.to_string().as_bytes())?, path)
    }

    /// Forgets where the last one was.
    pub(crate) fn retract(&self, _lock: &Lock) -> io::Result<()> {
        match fs::remove_file(self.path("running.json")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Where the running stack is.
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

    /// The claim that owns files in the stack that runs or ran last, else in one that would start here.
    pub(crate) fn owner_claim(&self) -> String {
        let outputs = Outputs::read(&self.path("running.json")).ok();
        let announced = outputs
            .as_ref()
            .and_then(|outputs| outputs.get("OwnerClaim"));
        announced.map_or_else(owner_claim, str::to_owned)
    }

    /// Remembers another choice.
    pub(crate) fn choose(&self, chosen: &Chosen) -> io::Result<()> {
        let path = self.path("chosen.json");
        let fresh = write_fresh(&path, &serde_json::to_vec_pretty(chosen)?)?;
        fs::rename(fresh, path)
    }
}

/// Puts a whole file in place, unless there is one.
fn keep(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = write_fresh(path, bytes)?;
    let linked = fs::hard_link(&fresh, path);
    fs::remove_file(&fresh)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Writes a file beside `path` that only we can read.
fn write_fresh(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let fresh = path.with_added_extension(std::process::id().to_string());
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(true).write(true).mode(0o600);
    options.open(&fresh)?.write_all(bytes)?;
    Ok(fresh)
}
