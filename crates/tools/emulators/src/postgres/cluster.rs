//! The folder of one server: its data, its password, its log.
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, test_kill_process};

use super::{PostgresOptions, account, binaries};
use crate::guard::{Guard, User};

/// A folder with `data`, `password` and `log`, ready to be served.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) folder: PathBuf,
    pub(super) binaries: PathBuf,
    pub(super) password: String,
    pub(super) user: Option<User>,
}

impl Cluster {
    /// Finds the binaries, and initialises the folder if need be.
    pub(super) fn open(guard: &Guard, options: &PostgresOptions) -> io::Result<Self> {
        let user = account::choose(options.folder.as_deref())?;
        let binaries = binaries::find(guard, &options.cache, user, options.say)?;
        let folder = match &options.folder {
            Some(folder) => settle_aloud(folder, user, options.say)?,
            None => account::settle(&temporary_folder()?, user)?,
        };
        let mut cluster = Self {
            folder,
            binaries,
            password: String::new(),
            user,
        };
        if let Err(error) = cluster.fill(&options.files) {
            if options.folder.is_none() {
                let _ = fs::remove_dir_all(&cluster.folder);
            }
            return Err(error);
        }
        Ok(cluster)
    }

    fn fill(&mut self, files: &[(String, Vec<u8>)]) -> io::Result<()> {
        self.password = self.keep_password()?;
        if !self.data().exists() {
            self.create()?;
        }
        for (name, bytes) in files {
            account::write_private(&self.data().join(name), bytes, self.user)?;
        }
        Ok(())
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Creates an empty log.
    pub(super) fn open_log(&self) -> io::Result<File> {
        let mut options = File::options();
        let log = options.read(true).append(true).create(true);
        let log = log.open(self.log())?;
        log.set_len(0)?;
        Ok(log)
    }

    fn keep_password(&self) -> io::Result<String> {
        let path = self.folder.join("password");
        if let Ok(password) = fs::read_to_string(&path) {
            return Ok(password);
        }
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        let password = format!("{:032x}", u128::from_be_bytes(bytes));
        account::write_private(&path, password.as_bytes(), self.user)?;
        Ok(password)
    }

    /// Runs `initdb` next to the final folder, so that a partial cluster is never used.
    fn create(&self) -> io::Result<()> {
        let fresh = self.folder.join("data.new");
        if fresh.exists() {
            fs::remove_dir_all(&fresh)?;
        }
        let mut initdb = account::command(&self.binaries.join("initdb"), self.user);
        initdb
            .args(["--no-sync", "--encoding=UTF8", "--locale=C"])
            .args(["--username=postgres", "--auth=scram-sha-256"])
            .arg("--pwfile")
            .arg(self.folder.join("password"))
            .arg("-D")
            .arg(&fresh)
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        let done = initdb.output()?;
        if !done.status.success() {
            return Err(io::Error::other(format!(
                "initdb failed: {}",
                String::from_utf8_lossy(&done.stderr).trim()
            )));
        }
        fs::rename(fresh, self.data())
    }

    /// Whether the server `pid` reports in its own file that it accepts connections.
    pub(super) fn is_ready(&self, pid: i32) -> bool {
        let status = self.status();
        let mut lines = status.lines();
        lines.next() == Some(&pid.to_string())
            && lines.nth(6).is_some_and(|line| line.trim() == "ready")
    }

    /// Waits for a server whose keeper is still stopping it after we were killed.
    pub(super) fn await_predecessor(&self, patience: Duration) {
        let until = Instant::now() + patience;
        while self.runs() && Instant::now() < until {
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn runs(&self) -> bool {
        let pid = self
            .status()
            .lines()
            .next()
            .and_then(|pid| pid.parse().ok());
        pid.and_then(Pid::from_raw)
            .is_some_and(|pid| test_kill_process(pid).is_ok())
    }

    fn status(&self) -> String {
        fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default()
    }
}

fn settle_aloud(folder: &Path, user: Option<User>, say: fn(&str)) -> io::Result<PathBuf> {
    let settled = account::settle(folder, user)?;
    if settled != std::path::absolute(folder)? {
        say(&format!(
            "Postgres may not run as root, and the account it runs as cannot enter {}: its data is in {}",
            folder.display(),
            settled.display()
        ));
    }
    Ok(settled)
}

fn temporary_folder() -> io::Result<PathBuf> {
    let name = format!("slipway-postgres-{}", uuid::Uuid::now_v7());
    std::path::absolute(std::env::temp_dir().join(name))
}
