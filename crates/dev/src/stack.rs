//! The local stack: what starts, in which order, and how it ends.

mod banner;
mod compile;
mod emulator;
mod events;
mod fleet;
mod http;
mod instance;
mod logs;
mod runtime_api;
mod services;
mod settings;
mod site;
mod stand_in;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use slipway_local::guard::Guard;
use slipway_local::tools;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::cli::Cli;
use crate::page;
use crate::say;
use crate::state::State;
use crate::workspace::{self, Workspace};
use emulator::Emulator;
use fleet::Fleet;
use runtime_api::RuntimeApi;
use services::Services;
use site::Site;

pub(crate) use compile::migrate_program;

/// Runs the stack until it is told to stop.
pub(crate) fn run(cli: &Cli) -> io::Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let result = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let told = async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            say::line("\nstopping");
        };
        // What `serve` holds ends as it is dropped here, in the reverse order of its start.
        tokio::select! {
            result = serve(cli) => result,
            () = told => Ok(()),
        }
    });
    // A thread that still waits for a build or a download must not keep us: its guard ends it.
    runtime.shutdown_background();
    result
}

async fn serve(cli: &Cli) -> io::Result<()> {
    let state = State::make(&cli.state())?;
    let lock = state.lock()?;
    state.retract(&lock)?;
    say::part("state", &state.path("").display().to_string());
    if cli.fresh {
        state.wipe(&lock)?;
        say::part("state", "wiped: everything begins anew");
    }
    emulator::claim(cli.port).await?;

    let guard = Guard::this()?;
    let (functions, binaries) = blocking({
        let guard = guard.clone();
        move || compile::build(&guard, &Workspace::read()?)
    })
    .await?;
    let migrate = binaries.get("migrate").cloned();
    let dist = blocking(page::build).await;
    let mut services = Services::start(&guard, &state).await?;
    blocking({
        let (guard, env) = (guard.clone(), services.env.clone());
        move || compile::migrate(&guard, &binaries, &env)
    })
    .await?;

    let cargo_lambda = blocking({
        let (guard, folder) = (guard.clone(), state.path("tools"));
        move || tools::cargo_lambda(&guard, &folder, |text| say::part("functions", text))
    })
    .await?;
    let _emulator = Emulator::start(&guard, cargo_lambda, cli.port, &state).await?;
    let api = Arc::new(RuntimeApi::start(cli.port).await?);
    let mut fleet = Fleet::start(&guard, &api, functions, &services.env);
    let mut background = JoinSet::new();
    background.spawn(stand_in::not_found(cli.port));
    if let Some(objects) = services.objects.take() {
        background.spawn(events::deliver(cli.port, objects));
    }
    fleet.ready().await;
    state.announce(&services.outputs(cli.port, migrate.as_deref()))?;
    let site = site(dist, cli, &services.s3_endpoint).await;
    let page = site.as_ref().map(|site| site.url.as_str());
    banner::print(cli.port, &state, &services, page)?;
    // Everything runs by itself from here; a failed server alone ends the stack.
    services.watch().await
}

/// The page, without which everything else works all the same.
async fn site(dist: io::Result<PathBuf>, cli: &Cli, s3: &str) -> Option<Site> {
    let api = format!("http://localhost:{}", cli.port);
    let site = match dist {
        Ok(dist) => Site::start(dist, cli.page_port, &api, s3).await,
        Err(error) => Err(error),
    };
    site.inspect_err(|error| say::part("page", &format!("goes without: {error}")))
        .ok()
}

/// Runs what blocks without holding up the signals.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

/// A program in the workspace, without what only `cargo run` meant.
fn program(name: impl Into<std::ffi::OsString>) -> slipway_local::guard::Program {
    let program = slipway_local::guard::Program::new(name).current_dir(workspace::root());
    workspace::of_cargo_run().fold(program, slipway_local::guard::Program::env_remove)
}
