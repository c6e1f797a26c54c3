//! The local stack: what starts, in which order, and how it ends.

mod banner;
mod compile;
mod env_file;
mod events;
mod fleet;
mod instance;
mod logs;
mod port;
mod public;
mod services;
mod settings;
mod site;

use std::io;
use std::path::Path;

use slipway_api::routes::{ROUTES, Route};
use slipway_emulators::guard::Guard;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::cli::Cli;
use crate::page;
use crate::say;
use crate::state::{Lock, State};
use crate::workspace::{self, Workspace};
use compile::Binaries;
use fleet::{Fleet, Function};
use services::Services;
use site::Site;

pub(crate) use compile::migrate_program;

/// The variables of the stack that runs, in its state.
const VARIABLES: &str = "variables.env";

/// Where `cargo lambda watch` listens unless it is told otherwise.
const WATCH_PORT: u16 = 9000;

/// Runs the stack until it is told to stop.
pub(crate) fn run(cli: &Cli) -> io::Result<()> {
    until_stopped(serve(cli))
}

/// Runs what `cargo lambda watch` needs, and writes where it is into `env_file`, until it is told to stop.
pub(crate) fn run_services(cli: &Cli, env_file: &Path) -> io::Result<()> {
    until_stopped(serve_services(cli, env_file))
}

/// The variables of the stack that runs with this state, as lines for `eval` in a shell.
pub(crate) fn variables(state: &State) -> io::Result<String> {
    state.running()?;
    let text = std::fs::read_to_string(state.path(VARIABLES))?;
    Ok(env_file::exports(&text))
}

fn until_stopped(work: impl Future<Output = io::Result<()>>) -> io::Result<()> {
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
        // What `work` holds ends as it is dropped here, in the reverse order of its start.
        tokio::select! {
            result = work => result,
            () = told => Ok(()),
        }
    });
    // A thread that still waits for a build or a download must not keep us: its guard ends it.
    runtime.shutdown_background();
    result
}

async fn serve(cli: &Cli) -> io::Result<()> {
    let (state, _lock) = begin(cli)?;
    port::claim(cli.port).await?;
    let workspace = Workspace::read()?;
    let mut base = Base::start(&state, &workspace, &ROUTES).await?;
    let dist = blocking(page::build).await;
    let site = match dist {
        Ok(dist) => {
            let api = format!("http://localhost:{}", cli.port);
            Site::start(dist, cli.page_port, &api, &base.services.s3_endpoint).await
        }
        Err(error) => Err(error),
    };
    // Without the page everything else works all the same.
    let site = site
        .inspect_err(|error| say::part("page", &format!("left out: {error}")))
        .ok();
    let mut running = base.functions();
    let origins = public::origins(site.as_ref().map(|site| site.port), &cli.origins)?;
    let _gateway = public::open(cli.port, &running.fleet, origins).await?;
    running.fleet.ready().await;
    env_file::write(&state.path(VARIABLES), &base.services.env)?;
    let migrate = base.binaries.get("migrate");
    state.announce(&base.services.outputs(cli.port, migrate.map(AsRef::as_ref)))?;
    let page = site.as_ref().map(Site::url);
    banner::print(cli.port, &state, &base.services, page.as_deref())?;
    // Everything runs by itself from here; a failed server alone ends the stack.
    base.services.watch().await
}

async fn serve_services(cli: &Cli, env_file: &Path) -> io::Result<()> {
    let (state, _lock) = begin(cli)?;
    env_file::claim(env_file)?;
    let mut base = Base::start(&state, &Workspace::read()?, &[]).await?;
    let mut running = base.functions();
    running.fleet.ready().await;
    env_file::write(env_file, &base.services.env)?;
    env_file::write(&state.path(VARIABLES), &base.services.env)?;
    let migrate = base.binaries.get("migrate");
    state.announce(
        &base
            .services
            .outputs(WATCH_PORT, migrate.map(AsRef::as_ref)),
    )?;
    banner::print_services(WATCH_PORT, &state, &base.services, env_file)?;
    base.services.watch().await
}

/// The state's folder, ours alone, before anything else.
fn begin(cli: &Cli) -> io::Result<(State, Lock)> {
    let state = State::make(&cli.state())?;
    let lock = state.lock()?;
    state.retract(&lock)?;
    say::part("state", &state.path("").display().to_string());
    if cli.fresh {
        state.wipe(&lock)?;
        say::part("state", "wiped: everything begins anew");
    }
    Ok((state, lock))
}

/// Built functions, running servers and a migrated database.
struct Base {
    guard: Guard,
    binaries: Binaries,
    functions: Vec<Function>,
    services: Services,
}

/// Functions that run, and events that reach theirs.
struct Running {
    // Ends first: a delivery to a function that has ended would be tried again.
    _events: JoinSet<()>,
    fleet: Fleet,
}

impl Base {
    async fn start(state: &State, workspace: &Workspace, routes: &'static [Route]) -> io::Result<Self> {
        let guard = Guard::this()?;
        let (functions, binaries) = blocking({
            let (guard, workspace) = (guard.clone(), workspace.clone());
            move || compile::build(&guard, &workspace, routes)
        })
        .await?;
        let services = Services::start(&guard, state).await?;
        blocking({
            let (guard, env) = (guard.clone(), services.env.clone());
            let binaries = binaries.clone();
            move || compile::migrate(&guard, &binaries, &env)
        })
        .await?;
        Ok(Self {
            guard,
            binaries,
            functions,
            services,
        })
    }

    /// Starts the functions, once.
    fn functions(&mut self) -> Running {
        let functions = std::mem::take(&mut self.functions);
        let fleet = Fleet::start(&self.guard, functions, &self.services.env);
        let mut events = JoinSet::new();
        if let (Some(objects), Ok(recorder)) =
            (self.services.objects.take(), fleet.lambda("record-upload"))
        {
            let scanner = self.services.scanner.take();
            events.spawn(events::deliver(recorder, objects, scanner));
        }
        Running {
            _events: events,
            fleet,
        }
    }
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
fn program(name: impl Into<std::ffi::OsString>) -> slipway_emulators::guard::Program {
    let program = slipway_emulators::guard::Program::new(name).current_dir(workspace::root());
    workspace::of_cargo_run().fold(program, slipway_emulators::guard::Program::env_remove)
}
