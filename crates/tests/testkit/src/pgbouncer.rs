//! `PgBouncer` in transaction mode in front of the test server.

use std::fmt::Write as _;
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use slipway_emulators::guard::{Guarded, Program, User};
use slipway_emulators::postgres::{Postgres, free_port};
use slipway_emulators::tools;
use tempfile::TempDir;

use crate::guard;

/// A running pooler. It stops when dropped.
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    _program: Guarded,
    _folder: TempDir,
}

impl PgBouncer {
    /// Starts it with at most `pool` server connections. If it is not installed, the panic says how
    /// to install it.
    #[must_use]
    pub fn start(server: &Postgres, pool: u32) -> Self {
        let program = find().expect(
            "pgbouncer is not installed: install it (on Debian: apt-get install pgbouncer), or say \
             SLIPWAY_SKIP=pgbouncer to leave out what needs it",
        );
        let port = free_port().expect("a port");
        let folder = TempDir::new().expect("a folder");
        let user = owner(server.folder());
        let users = folder.path().join("users.txt");
        let password = server.password();
        write(&users, &format!("\"postgres\" \"{password}\"\n"), user);
        let mut ini = format!("[databases]\n* = host=127.0.0.1 port={}\n", server.port());
        let _ = write!(
            ini,
            "[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = scram-sha-256\nauth_file = {}\npool_mode = transaction\n\
             default_pool_size = {pool}\nmax_client_conn = 500\n",
            users.display()
        );
        let settings = folder.path().join("pgbouncer.ini");
        write(&settings, &ini, user);
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("modes");
        let program = Program::new(program)
            .args([settings])
            .user(user)
            .stop_by_interrupt()
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let program = guard().spawn(program).expect("pgbouncer starts");
        await_port(port);
        Self {
            port,
            _program: program,
            _folder: folder,
        }
    }

    /// `url` with the port of this pooler.
    #[must_use]
    pub fn through(&self, server: &Postgres, url: &str) -> String {
        url.replace(&format!(":{}/", server.port()), &format!(":{}/", self.port))
    }
}

fn find() -> Option<PathBuf> {
    let debian = Path::new("/usr/sbin/pgbouncer");
    tools::find("pgbouncer").or_else(|| debian.exists().then(|| debian.to_owned()))
}

/// The pooler runs as the user of the server, since neither may run as root.
fn owner(folder: &Path) -> Option<User> {
    let metadata = folder.metadata().expect("the server's folder");
    let ours = std::fs::metadata("/proc/self").map(|own| own.uid()).ok();
    (ours != Some(metadata.uid())).then(|| User {
        uid: metadata.uid(),
        gid: metadata.gid(),
    })
}

fn write(path: &Path, text: &str, user: Option<User>) {
    std::fs::write(path, text).expect("a file");
    if let Some(user) = user {
        chown(path, Some(user.uid), Some(user.gid)).expect("an owner");
    }
}

fn await_port(port: u16) {
    let until = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "pgbouncer does not answer");
        thread::sleep(Duration::from_millis(20));
    }
}
