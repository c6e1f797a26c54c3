//! `cargo lambda watch` as API Gateway and the Lambda control plane.
//!
//! With `--only-lambda-apis` it starts no function: we do, and so can run
//! several of each, see one die, and choose its binary.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use slipway_local::guard::{Guard, Guarded, Program};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::say;
use crate::state::State;

/// The running emulator; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Emulator {
    _keeping: JoinSet<()>,
}

/// Makes sure of the port before anything is built for it.
pub(super) async fn claim(port: u16) -> io::Result<()> {
    // A stack that was killed a moment ago is still letting go of it.
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        // `localhost` is tried as ::1 first, so that somebody there would be asked instead of us.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.is_ok()
            && TcpStream::connect((Ipv6Addr::LOCALHOST, port))
                .await
                .is_err();
        if free {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(io::Error::other(format!(
                "port {port} is taken by another program: stop that, or use another port with \
                 `cargo dev --port {}`",
                port.checked_add(1).unwrap_or(3000)
            )));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

impl Emulator {
    /// Starts it, and starts it again when it ends.
    pub(super) async fn start(
        guard: &Guard,
        cargo_lambda: PathBuf,
        port: u16,
        state: &State,
    ) -> io::Result<Self> {
        let log = state.path("emulator.log");
        let launch = {
            let (guard, log) = (guard.clone(), log.clone());
            move || guard.spawn(program(&cargo_lambda, port, &log)?)
        };
        let mut child = launch()?;
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port))
            .await
            .is_err()
        {
            if child.try_wait()?.is_some() || Instant::now() > until {
                let log = std::fs::read_to_string(&log).unwrap_or_default();
                return Err(io::Error::other(format!(
                    "`cargo lambda watch` does not start:\n{}",
                    log.trim()
                )));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let mut keeping = JoinSet::new();
        keeping.spawn(keep(child, launch));
        Ok(Self { _keeping: keeping })
    }
}

async fn keep(mut child: Guarded, launch: impl Fn() -> io::Result<Guarded>) {
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let Ok(Some(status)) = child.try_wait() else {
            continue;
        };
        say::part(
            "emulator",
            &format!("cargo lambda watch ended ({status}): starting it again"),
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
        match launch() {
            Ok(again) => child = again,
            Err(error) => say::part("emulator", &error.to_string()),
        }
    }
}

fn program(cargo_lambda: &Path, port: u16, log: &Path) -> io::Result<Program> {
    let log = File::create(log)?;
    Ok(super::program(cargo_lambda)
        .args(["lambda", "watch", "--only-lambda-apis", "--ignore-changes"])
        // It would listen on every interface.
        .args(["--invoke-address", "127.0.0.1"])
        .args(["--invoke-port", &port.to_string()])
        .args(["--color", "never"])
        .stdout(log.try_clone()?)
        .stderr(log))
}
