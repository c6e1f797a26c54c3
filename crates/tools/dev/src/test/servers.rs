//! Runs the contract against S3 servers by other authors. `docs/servers.md` lists what each
//! supports.
//!
//! Only servers that a package client can install. Ceph is installed by hand (on Debian: `apt-get
//! install radosgw ceph-mon ceph-osd`), and left out if it is missing.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use slipway_emulators::guard::{Guard, Program};
use slipway_emulators::postgres::free_port;
use slipway_emulators::tools;

use crate::say;
use crate::workspace;

const MOTO: &str = "moto[server]==5.2.5";
const S3RVER: &str = "s3rver@3.7.1";
const CEPH: &str = include_str!("servers/ceph.sh");
const BUCKET: &str = "slipway-test";

/// The start timeout of a server. Ceph creates its pools first.
const PATIENCE: Duration = Duration::from_mins(2);

/// A server that can be started.
struct CandidateServer {
    name: String,
    program: Program,
    port: u16,
    access_key: &'static str,
    secret_key: &'static str,
}

/// Starts one server after another and prints a table for each. Fails if a server does not even
/// accept an upload.
pub(super) fn run(state: &Path) -> io::Result<()> {
    let guard = Guard::this()?;
    let folder = state.join("servers");
    fs::create_dir_all(&folder)?;
    let mut failed = Vec::new();
    for make in [moto, s3rver, ceph] {
        let Some(server) = make(&guard, &folder, &state.join("tools"))? else {
            continue;
        };
        say::part("server", &server.name);
        let name = server.name.clone();
        if let Err(error) = examine(&guard, server) {
            say::part("server", &format!("{name}: {error}"));
            failed.push(name);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "not usable: {}",
        failed.join(", ")
    )))
}

fn moto(guard: &Guard, _: &Path, tools: &Path) -> io::Result<Option<CandidateServer>> {
    let place = tools.join("moto-server");
    let found = || ["bin", "target/bin"].map(|bin| place.join(bin).join("moto_server"));
    if !found().iter().any(|exe| exe.is_file()) {
        say::part("server", &format!("fetching {MOTO} by pip"));
        tools::pip_install(guard, &place, &[MOTO])?;
    }
    let exe = found().into_iter().find(|exe| exe.is_file());
    let exe = exe.ok_or_else(|| io::Error::other("pip did not install moto_server"))?;
    let port = free_port()?;
    let program = Program::new(exe)
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .env("PYTHONPATH", place.join("target"));
    Ok(Some(CandidateServer {
        name: MOTO.to_owned(),
        program,
        port,
        access_key: "test",
        secret_key: "test-secret",
    }))
}

fn s3rver(guard: &Guard, folder: &Path, tools: &Path) -> io::Result<Option<CandidateServer>> {
    let place = tools.join("s3rver");
    let exe = place.join("node_modules/.bin/s3rver");
    if !exe.is_file() {
        say::part("server", &format!("fetching {S3RVER} by npm"));
        fs::create_dir_all(&place)?;
        tools::npm_install(guard, &place, S3RVER)?;
    }
    let port = free_port()?;
    let program = Program::new(exe)
        .args([
            "--address",
            "127.0.0.1",
            "--silent",
            "--port",
            &port.to_string(),
        ])
        .args(["--directory".as_ref(), empty(folder, "s3rver")?.as_os_str()]);
    Ok(Some(CandidateServer {
        name: S3RVER.to_owned(),
        program,
        port,
        access_key: "S3RVER",
        secret_key: "S3RVER",
    }))
}

fn ceph(_: &Guard, folder: &Path, _: &Path) -> io::Result<Option<CandidateServer>> {
    let needed = ["radosgw", "ceph-mon", "ceph-osd", "ceph"];
    let Some(radosgw) =
        tools::find("radosgw").filter(|_| needed.iter().all(|name| tools::find(name).is_some()))
    else {
        say::part("server", "Ceph is not installed: LEFT OUT");
        return Ok(None);
    };
    let version = Command::new(radosgw).arg("--version").output()?.stdout;
    let version = String::from_utf8_lossy(&version).into_owned();
    let version = version
        .split_whitespace()
        .take(3)
        .collect::<Vec<_>>()
        .join(" ");
    let port = free_port()?;
    let program = Program::new("bash")
        .args(["-c", CEPH, "ceph"])
        .args([empty(folder, "ceph")?.as_os_str()])
        .args([port.to_string(), free_port()?.to_string()]);
    Ok(Some(CandidateServer {
        name: format!("{version} (RADOS Gateway)"),
        program,
        port,
        access_key: "slipway",
        secret_key: "slipway-secret",
    }))
}

/// An empty folder.
fn empty(folder: &Path, name: &str) -> io::Result<PathBuf> {
    let folder = folder.join(name);
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => fs::create_dir_all(&folder)?,
    }
    Ok(folder)
}

/// Runs the server, creates a bucket with `cargo dev bucket`, and runs the contract.
fn examine(guard: &Guard, server: CandidateServer) -> io::Result<()> {
    let mut running = guard.spawn(server.program)?;
    let started = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, server.port)).is_err() {
        if let Some(status) = running.try_wait()? {
            return Err(io::Error::other(format!("it ended ({status})")));
        }
        if started.elapsed() > PATIENCE {
            return Err(io::Error::other("it does not listen"));
        }
        thread::sleep(Duration::from_millis(100));
    }
    let endpoint = format!("http://127.0.0.1:{}", server.port);
    let with = |command: &mut Command| {
        command
            .env("S3_ENDPOINT", &endpoint)
            .env("SLIPWAY_SERVER", &endpoint)
            .env("S3_BUCKET_NAME", BUCKET)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", server.access_key)
            .env("AWS_SECRET_ACCESS_KEY", server.secret_key)
            .env_remove("AWS_SESSION_TOKEN");
    };
    let mut bucket = Command::new(workspace::program()?);
    with(bucket.arg("bucket"));
    // The server may not support CORS; the table reports it.
    let _ = workspace::succeed_in_root(&mut bucket);
    let mut contract = super::prepared(&["test", "--quiet", "--workspace", "--test", "contract"])?;
    with(contract.args(["--", "--ignored", "--nocapture", "servers::"]));
    workspace::succeed_in_root(&mut contract)
}
