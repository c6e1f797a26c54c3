//! The account that Postgres runs as, and folders that it can use.
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::guard::User;

/// The account for a server with its data in `folder`: our own, unless we are root. Postgres
/// refuses to run as root.
pub(super) fn choose(folder: Option<&Path>) -> io::Result<Option<User>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(None);
    }
    // Existing data keeps its owner, whatever was installed since.
    if let Some(data) = folder.and_then(|folder| fs::metadata(folder.join("data")).ok())
        && data.uid() != 0
    {
        return Ok(Some(User {
            uid: data.uid(),
            gid: data.gid(),
        }));
    }
    let accounts = fs::read_to_string("/etc/passwd")?;
    ["postgres", "nobody", "daemon"]
        .iter()
        .find_map(|name| find(&accounts, name))
        .map(Some)
        .ok_or_else(|| {
            io::Error::other(
                "Postgres refuses to run as root, and there is no account postgres, nobody \
                 or daemon to run it as: run this as a normal user",
            )
        })
}

fn find(accounts: &str, name: &str) -> Option<User> {
    let mut fields = accounts
        .lines()
        .map(|line| line.split(':'))
        .find_map(|mut fields| (fields.next() == Some(name)).then_some(fields))?;
    let uid = fields.nth(1)?.parse().ok().filter(|uid| *uid != 0)?;
    let gid = fields.next()?.parse().ok()?;
    Some(User { uid, gid })
}

/// A command that runs as `user`.
pub(super) fn command(program: &Path, user: Option<User>) -> Command {
    let mut command = Command::new(program);
    if let Some(user) = user {
        command.gid(user.gid).uid(user.uid);
    }
    command
}

/// Whether `user` can run `program`.
pub(super) fn can_run(program: &Path, user: Option<User>) -> bool {
    let mut command = command(program, user);
    let quiet = command
        .arg("--version")
        .current_dir("/")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Whether `user` can enter `folder`. It is tried rather than computed, since modes, access lists
/// and mounts all matter.
fn can_enter(folder: &Path, user: User) -> bool {
    let mut command = command(Path::new("true"), Some(user));
    command.current_dir(folder);
    command.status().is_ok_and(|status| status.success())
}

/// Creates `folder` for `user`. If the account cannot enter it, creates a folder in the system's
/// temporary folder that is the same for the same `folder`.
pub(super) fn settle(folder: &Path, user: Option<User>) -> io::Result<PathBuf> {
    let folder = &std::path::absolute(folder)?;
    fs::create_dir_all(folder)?;
    let Some(user) = user else {
        return Ok(folder.clone());
    };
    own(folder, user)?;
    if can_enter(folder, user) {
        return Ok(folder.clone());
    }
    let elsewhere = elsewhere(folder)?;
    private(&elsewhere, user)?;
    if can_enter(&elsewhere, user) {
        return Ok(elsewhere);
    }
    Err(io::Error::other(format!(
        "the account with uid {} can enter neither {} nor {}: set TMPDIR to a folder it can enter",
        user.uid,
        folder.display(),
        elsewhere.display()
    )))
}

/// The replacement for `folder`.
pub(super) fn elsewhere(folder: &Path) -> io::Result<PathBuf> {
    let folder = std::path::absolute(folder)?;
    // Not the standard hasher, whose output may differ between two builds.
    let space = uuid::Uuid::NAMESPACE_URL;
    let name = uuid::Uuid::new_v5(&space, folder.as_os_str().as_encoded_bytes());
    Ok(std::env::temp_dir().join(format!("slipway-{name}")))
}

/// Creates a folder where everyone may write. It must be ours and not a link.
fn private(folder: &Path, user: User) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => return own(folder, user),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let found = fs::symlink_metadata(folder)?;
    if found.is_dir() && (found.uid() == user.uid || found.uid() == 0) {
        return own(folder, user);
    }
    Err(io::Error::other(format!(
        "{} is somebody else's: remove it",
        folder.display()
    )))
}

fn own(folder: &Path, user: User) -> io::Result<()> {
    chown(folder, Some(user.uid), Some(user.gid))?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

/// Writes a file that only `user` can read.
pub(super) fn write_private(path: &Path, bytes: &[u8], user: Option<User>) -> io::Result<()> {
    let fresh = path.with_added_extension("new");
    fs::write(&fresh, b"")?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600))?;
    fs::write(&fresh, bytes)?;
    if let Some(user) = user {
        chown(&fresh, Some(user.uid), Some(user.gid))?;
    }
    fs::rename(fresh, path)
}
