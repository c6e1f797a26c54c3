//! Faults of a whole Postgres server. Each such row has a server of its own, which all functions
//! share.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use rustix::process::{Pid, Signal, kill_process};
use slipway_db::{Config, Db};
use slipway_emulators::postgres::{Postgres, PostgresOptions};
use slipway_testkit::{cache, guard};
use tempfile::TempDir;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio_postgres::NoTls;

use crate::cell::{self, Cell};
use crate::fault::Fault;
use crate::function::{FUNCTIONS, FaultyFunction};
use crate::steps::{Hold, TO_POSTGRES};
use crate::world::World;

/// A Postgres server that can stop and start again at the same port.
pub(crate) struct Server {
    running: Option<Postgres>,
    port: u16,
    url: String,
    databases: AtomicU32,
    folder: TempDir,
    rooms: Arc<Semaphore>,
}

/// How many worlds may do CPU-bound work at the same time, on all servers: create a database and a
/// bucket, start a function, audit. The deadlines of other functions run meanwhile, so the number
/// is small.
pub(crate) const BUSY: usize = 3;

static PROCESSORS: Semaphore = Semaphore::const_new(BUSY);

/// Waits for a permit for CPU-bound work. The work must end before the permit is dropped.
pub(crate) async fn busy() -> SemaphorePermit<'static> {
    PROCESSORS.acquire().await.expect("it is never closed")
}

/// How many worlds a server can hold: each is a few processes. A row with a server of its own has a
/// world for each function at the same time.
const ROOMS: usize = FUNCTIONS.len();

impl Server {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        let running = launch(folder.path(), None).await;
        let server = Self {
            port: running.port(),
            url: running.url(),
            running: Some(running),
            databases: AtomicU32::new(0),
            folder,
            rooms: Arc::new(Semaphore::new(ROOMS)),
        };
        server.execute("CREATE DATABASE template").await;
        let config = Config::parse("DATABASE_URL", &server.url_of("template")).expect("a URL");
        let db = Db::new(config).expect("no TLS is needed");
        db.migrate().await.expect("the schema applies");
        server
    }

    /// Waits for room for a world.
    pub(crate) async fn room(&self) -> OwnedSemaphorePermit {
        let room = Arc::clone(&self.rooms).acquire_owned().await;
        room.expect("it is never closed")
    }

    /// Creates a database, with or without the schema, and returns its URL.
    pub(crate) async fn database(&self, empty: bool) -> String {
        let count = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("world_{count}");
        let template = if empty { "template0" } else { "template" };
        self.execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
            .await;
        self.url_of(&name)
    }

    fn url_of(&self, database: &str) -> String {
        let (server, _) = self.url.rsplit_once('/').expect("a database");
        format!("{server}/{database}")
    }

    async fn execute(&self, sql: &str) {
        let (client, connection) = tokio_postgres::connect(&self.url, NoTls)
            .await
            .expect("the server answers");
        let connection = tokio::spawn(connection);
        client.batch_execute(sql).await.expect("the statement runs");
        drop(client);
        // A template database must not have connections.
        let _ = connection.await;
    }

    /// Stops it as `pg_ctl stop -m fast` does.
    pub(crate) async fn stop(&mut self) {
        let running = self.running.take();
        tokio::task::spawn_blocking(|| drop(running))
            .await
            .expect("it stops");
    }

    /// Kills it, as a power failure would.
    async fn kill(&mut self) {
        let mut running = self.running.take().expect("it runs");
        let pid = Pid::from_raw(running.pid()).expect("a pid");
        kill_process(pid, Signal::KILL).expect("it runs");
        while running.try_wait().expect("its state").is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn start_again(&mut self) {
        self.running = Some(launch(self.folder.path(), Some(self.port)).await);
    }
}

/// What a killed server leaves behind may take a moment to disappear.
async fn launch(folder: &Path, port: Option<u16>) -> Postgres {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let options = PostgresOptions {
            port,
            fsync: false,
            settings: vec![("max_connections".to_owned(), "1000".to_owned())],
            ..PostgresOptions::kept(folder.join("postgres"), cache())
        };
        let started = tokio::task::spawn_blocking(move || Postgres::start(guard(), &options));
        match started.await.expect("no panic") {
            Ok(postgres) => return postgres,
            Err(error) if Instant::now() > until => panic!("Postgres does not start: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Whether `fault` is a fault of a whole server.
pub(crate) const fn has(fault: Fault) -> bool {
    matches!(
        fault,
        Fault::PostgresStopped | Fault::PostgresKilledBetween | Fault::PostgresKilledDuring
    )
}

/// Runs all functions that use Postgres with `fault` at the same time.
pub(crate) async fn row(fault: Fault) -> Vec<(&'static FaultyFunction, Cell)> {
    let mut server = Server::start().await;
    let functions = FUNCTIONS
        .iter()
        .filter(|function| fault.is_on_the_path_of(function) && function.is_chosen());
    let mut worlds = Vec::new();
    for function in functions {
        let mut world = World::new(function, &server).await;
        let _busy = busy().await;
        world.start_well().await;
        world.warm_up().await;
        worlds.push(world);
    }
    let invoke = async |world: &World| {
        let started = Instant::now();
        (
            world.invoke(fault.deadline(world.function)).await,
            started.elapsed(),
        )
    };
    let firsts = match fault {
        Fault::PostgresKilledDuring => {
            for world in &worlds {
                world.steps.begin(Some(Hold::On(TO_POSTGRES)));
            }
            let kill = async {
                join_all(worlds.iter().map(|world| world.steps.held())).await;
                server.kill().await;
                for world in &worlds {
                    world.steps.release();
                }
            };
            // The server stays down until all functions have responded.
            let (firsts, ()) = join(join_all(worlds.iter().map(invoke)), kill).await;
            server.start_again().await;
            firsts
        }
        Fault::PostgresKilledBetween => {
            server.kill().await;
            server.start_again().await;
            join_all(worlds.iter().map(invoke)).await
        }
        _ => {
            server.stop().await;
            let firsts = join_all(worlds.iter().map(invoke)).await;
            server.start_again().await;
            firsts
        }
    };
    let cells = worlds
        .into_iter()
        .zip(firsts)
        .map(|(world, (first, took))| async move {
            let function = world.function;
            (function, cell::finish(world, &first, took).await)
        });
    let cells = join_all(cells).await;
    server.stop().await;
    cells
}
