//! The local stack: what starts, in which order, and how it stops.

mod banner;
mod compile;
mod env_file;
mod events;
mod fleet;
mod function;
mod instance;
mod logs;
mod port;
mod public;
mod services;
mod settings;
mod site;
mod webhooks;

use std::io;
use std::path::Path;

use slipway_api::routes::{ROUTES, Route};
use slipway_emulators::guard::Guard;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::cli::Cli;
use crate::page;
use crate::say;
use crate::state::{Lock, StackState};
use crate::workspace::{self, Workspace};
use compile::Binaries;
use fleet::Fleet;
use function::StackFunction;
use services::Services;
use site::Site;
use webhooks::Webhooks;

pub(crate) use compile::migrate_program;

/// The variables of the running stack, in its state.
const VARIABLES: &str = "variables.env";

/// The default port of `cargo lambda watch`.
const WATCH_PORT: u16 = 9000;

/// Runs the stack until a signal stops it.
pub(crate) fn run(cli: &Cli) -> io::Result<()> {
    until_stopped(serve(cli))
}

/// Runs the services that `cargo lambda watch` needs, and writes their variables into `env_file`,
/// until a signal stops it.
pub(crate) fn run_services(cli: &Cli, env_file: &Path) -> io::Result<()> {
    until_stopped(serve_services(cli, env_file))
}

/// The variables of the stack that runs with this state, as lines for `eval` in a shell.
pub(crate) fn variables(state: &StackState) -> io::Result<String> {
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
        // The servers and functions in `work` stop as it is dropped here, in the reverse order of
        // their start.
        tokio::select! {
            result = work => result,
            () = told => Ok(()),
        }
    });
    // A thread may still wait for a build or a download. Do not wait for it: the guard ends the
    // program.
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
    // Without the page everything else works.
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
    // From here everything runs by itself. Only a failed server ends the stack.
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

/// Locks the folder of the state for this process.
fn begin(cli: &Cli) -> io::Result<(StackState, Lock)> {
    let state = StackState::make(&cli.state())?;
    let lock = state.lock()?;
    state.retract(&lock)?;
    say::part("state", &state.path("").display().to_string());
    if cli.fresh {
        state.wipe(&lock)?;
        say::part("state", "deleted: the stack starts empty");
    }
    Ok((state, lock))
}

/// Built functions, running servers and a migrated database.
struct Base {
    guard: Guard,
    binaries: Binaries,
    functions: Vec<StackFunction>,
    services: Services,
    webhooks: Option<Webhooks>,
}

/// Running functions, and the delivery of events.
struct Running {
    // Dropped first: an event to a stopped function would be retried.
    _events: JoinSet<()>,
    fleet: Fleet,
}

impl Base {
    async fn start(
        state: &StackState,
        workspace: &Workspace,
        routes: &'static [Route],
    ) -> io::Result<Self> {
        let guard = Guard::this()?;
        let (functions, binaries) = blocking({
            let (guard, workspace) = (guard.clone(), workspace.clone());
            move || compile::build(&guard, &workspace, routes)
        })
        .await?;
        let mut services = Services::start(&guard, state).await?;
        // Only events of the local bucket wake `notify`.
        let webhooks = if services.objects.is_some() {
            let secret = state.chosen()?.secret_key;
            Some(Webhooks::start(&mut services.env, &secret).await?)
        } else {
            None
        };
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
            webhooks,
        })
    }

    /// Starts the functions.
    fn functions(&mut self) -> Running {
        let functions = std::mem::take(&mut self.functions);
        let services = &self.services;
        let keys = services.keys.as_ref();
        let fleet = Fleet::start(&self.guard, functions, &services.env, keys);
        let mut events = JoinSet::new();
        if let (Some(objects), Ok(recorder)) =
            (self.services.objects.take(), fleet.lambda("record-upload"))
        {
            let scanner = self.services.scanner.take();
            let queue = self.webhooks.as_ref().map(Webhooks::queue);
            let preview = fleet.lambda("preview").ok();
            if let Some(preview) = &preview {
                events.spawn(events::make_missing(preview.clone()));
            }
            events.spawn(events::deliver(recorder, objects, scanner, queue, preview));
        }
        if let (Some(webhooks), Ok(notify)) = (self.webhooks.take(), fleet.lambda("notify")) {
            webhooks.deliver(notify, &mut events);
        }
        Running {
            _events: events,
            fleet,
        }
    }
}

/// Runs blocking work on another thread, so that signals are handled meanwhile.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}

/// A program in the workspace's folder, without the variables that `cargo run` sets.
fn program(name: impl Into<std::ffi::OsString>) -> slipway_emulators::guard::Program {
    let program = slipway_emulators::guard::Program::new(name).current_dir(workspace::root());
    workspace::of_cargo_run().fold(program, slipway_emulators::guard::Program::env_remove)
}
