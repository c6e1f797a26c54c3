//! A local Postgres server: finds or installs it, initialises its data, starts it, and stops it
//! with us.
mod account;
mod binaries;
mod cluster;

use std::fs::{self, File};
use std::io::{self, Read, Seek};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use crate::guard::{Guard, Guarded, Program};
use cluster::Cluster;

/// How to start a server.
#[derive(Debug)]
pub struct PostgresOptions {
    /// The folder of its data; `None` means a temporary server.
    pub folder: Option<PathBuf>,
    /// The folder for downloaded binaries, if the machine has none.
    pub cache: PathBuf,
    /// The port on 127.0.0.1; `None` means a free one.
    pub port: Option<u16>,
    /// Whether a commit waits for the disk. Tests do not need it.
    pub fsync: bool,
    /// Further settings, such as `("ssl", "on")`.
    pub settings: Vec<(String, String)>,
    /// Files to write into the data folder first, such as `server.key`.
    pub files: Vec<(String, Vec<u8>)>,
    /// Prints messages about slow steps, or about another place for the data.
    pub say: fn(&str),
}

impl PostgresOptions {
    /// An empty server whose data is deleted when it is dropped.
    pub fn temporary(cache: impl Into<PathBuf>) -> Self {
        Self {
            folder: None,
            cache: cache.into(),
            port: None,
            fsync: false,
            settings: Vec::new(),
            files: Vec::new(),
            say: |_| {},
        }
    }

    /// A server that keeps its data in `folder`.
    pub fn kept(folder: impl Into<PathBuf>, cache: impl Into<PathBuf>) -> Self {
        Self {
            folder: Some(folder.into()),
            fsync: true,
            ..Self::temporary(cache)
        }
    }
}

/// A running server. Dropping it shuts it down and waits for the end.
#[derive(Debug)]
pub struct Postgres {
    server: Guarded,
    cluster: Cluster,
    port: u16,
}

impl Postgres {
    /// Starts a server. Returns when it accepts connections.
    pub fn start(guard: &Guard, options: &PostgresOptions) -> io::Result<Self> {
        let Some(port) = options.port else {
            // Another process may take a free port before the server does.
            return Self::start_on(free_port()?, guard, options)
                .or_else(|_| Self::start_on(free_port()?, guard, options));
        };
        Self::start_on(port, guard, options)
    }

    fn start_on(port: u16, guard: &Guard, options: &PostgresOptions) -> io::Result<Self> {
        let cluster = Cluster::open(guard, options)?;
        cluster.await_predecessor(Duration::from_secs(15));
        let mut log = cluster.open_log()?;
        let program = program(port, &cluster, options)
            .stdout(log.try_clone()?)
            .stderr(log.try_clone()?);
        let mut server = guard.spawn(program)?;
        await_ready(&mut server, &cluster, &mut log)?;
        Ok(Self {
            server,
            cluster,
            port,
        })
    }

    /// The connection string of the superuser and its own database.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    /// The same for another database.
    #[must_use]
    pub fn url_of(&self, database: &str) -> String {
        let password = &self.cluster.password;
        let port = self.port;
        format!("postgres://postgres:{password}@127.0.0.1:{port}/{database}")
    }

    /// The superuser's password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.cluster.password
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The process id of the server.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.server.pid()
    }

    /// The folder of the data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.cluster.folder
    }

    /// The folder of `psql` and the other client programs, if there is one.
    #[must_use]
    pub fn binaries(&self) -> &Path {
        &self.cluster.binaries
    }

    /// The log of the server.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.cluster.log()
    }

    /// The exit status of the server, if it has ended.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.server.try_wait()
    }
}

/// Deletes the data of a server that was kept in `folder`, wherever it is.
pub fn wipe(folder: &Path) -> io::Result<()> {
    for place in [folder.to_owned(), account::elsewhere(folder)?] {
        match fs::remove_dir_all(place) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// A port without a listener.
pub fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

fn program(port: u16, cluster: &Cluster, options: &PostgresOptions) -> Program {
    let fsync = if options.fsync { "on" } else { "off" };
    let ours = [
        ("listen_addresses", "127.0.0.1"),
        ("port", &port.to_string()),
        // A socket's path is limited to 107 bytes. No client needs one.
        ("unix_socket_directories", ""),
        ("fsync", fsync),
        ("full_page_writes", fsync),
    ]
    .map(|(name, value)| format!("{name}={value}"));
    let theirs = options.settings.iter();
    let settings = ours
        .into_iter()
        .chain(theirs.map(|(name, value)| format!("{name}={value}")))
        .flat_map(|setting| ["-c".to_owned(), setting]);
    let temporary = options.folder.is_none().then(|| cluster.folder.clone());
    Program::new(cluster.binaries.join("postgres"))
        .args(["-D".as_ref(), cluster.data().as_os_str()])
        .args(settings)
        .user(cluster.user)
        .stop_by_interrupt()
        .grace(Duration::from_secs(10))
        .remove_after(temporary)
}

fn await_ready(server: &mut Guarded, cluster: &Cluster, log: &mut File) -> io::Result<()> {
    // Recovery after a crash may take a while. The log then shows it.
    let until = Instant::now() + Duration::from_mins(1);
    while !cluster.is_ready(server.pid()) {
        if server.try_wait()?.is_some() {
            return Err(failure("did not start", log));
        }
        if Instant::now() > until {
            return Err(failure("was not ready in 60 s", log));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Adds the end of the log, read through its handle: a temporary file has no name any more.
fn failure(what: &str, log: &mut File) -> io::Error {
    let mut text = String::new();
    let _ = log.rewind().and_then(|()| log.read_to_string(&mut text));
    let skipped = text.lines().count().saturating_sub(5);
    let last: Vec<&str> = text.lines().skip(skipped).collect();
    io::Error::other(format!("Postgres {what}:\n{}", last.join("\n")))
}
