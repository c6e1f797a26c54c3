//! One function, with a bucket, a database, and a proxy in front of each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use slipway_db::{Config, Db, Limits};
use slipway_emulators::capture;
use slipway_emulators::lambda::{InvocationResult, Lambda};
use slipway_processes::{binary, environment, signed_by};
use slipway_testkit::{HttpProxy, TcpFault, TcpProxy, guard};
use tempfile::TempDir;
use tokio::sync::OwnedSemaphorePermit;
use tokio_postgres::{Client, NoTls};

use crate::application::{Application, FORGET};
use crate::bucket::Bucket;
use crate::function::{Change, FaultyFunction, Uploads as Has, Verdict};
use crate::scene::{MAX_BYTES, Scene};
use crate::server::{Server, busy};
use crate::steps::{Steps, of_postgres};
use crate::uploads::Uploads;

/// How much later than its deadline a response may arrive on a busy machine. A dependency that
/// never responds takes longer: 10 s until the S3 client's timeout, 15 s until Postgres'.
pub(crate) const MARGIN: Duration = Duration::from_secs(5);

/// The deadline of invocations that do not test deadlines. It is long, because many run on a busy
/// machine.
pub(crate) const AMPLE: Duration = Duration::from_secs(30);

/// Lambda allows 10 s for init; here many functions start at the same time.
const START: Duration = Duration::from_secs(30);

pub(crate) struct World {
    /// First, so that it is dropped before its dependencies.
    lambda: Option<Lambda>,
    pub(crate) function: &'static FaultyFunction,
    pub(crate) scene: Scene,
    pub(crate) bucket: Bucket,
    pub(crate) postgres: TcpProxy,
    pub(crate) s3: HttpProxy,
    /// For `notify`.
    pub(crate) application: Option<Application>,
    pub(crate) steps: Arc<Steps>,
    /// The environment without the proxies.
    pub(crate) direct: BTreeMap<String, String>,
    env: BTreeMap<String, String>,
    /// How often the event was sent.
    deliveries: AtomicU32,
    folder: TempDir,
    _room: OwnedSemaphorePermit,
}

impl World {
    /// Creates a world on `server`. The function is not started, and both proxies refuse
    /// connections.
    pub(crate) async fn new(function: &'static FaultyFunction, server: &Server) -> Self {
        let room = server.room().await;
        let _busy = busy().await;
        let url = server.database(function.migrates).await;
        let folder = TempDir::new().expect("a folder");
        let mut bucket = Bucket::start(&folder.path().join("s3")).await;
        let direct = recording(environment(&bucket.endpoint(), &url));
        let port = url_port(&url);
        let db = (!function.migrates).then(|| database(&url));
        let mut scene = Scene::make(&direct, &mut bucket, db.as_ref(), function.change).await;
        if let Some(db) = db.as_ref().filter(|_| function.uploads != Has::Nothing) {
            let uploads = Uploads::make(&direct, db).await;
            let aged = connect(&url).await.batch_execute(&uploads.abandon()).await;
            aged.expect("its row is made old");
            scene.uploads = Some(uploads);
        }

        let steps = Arc::new(Steps::default());
        let watching = Arc::clone(&steps);
        let postgres = TcpProxy::observed(
            port,
            Arc::new(move |direction, bytes| {
                let (step, steps) = (of_postgres(direction, bytes), Arc::clone(&watching));
                Box::pin(async move {
                    if let Some(step) = step {
                        steps.reach(step).await;
                    }
                })
            }),
        );
        let s3 = HttpProxy::observed(&bucket.endpoint(), steps.observer("S3"));
        let env = recording(environment(&s3.endpoint(), &postgres.through(&url)));
        let mut env = signed_by(function.binary, env);
        let application = if function.change == Change::Notifies {
            let application = Application::start(&scene, &steps).await;
            env.extend(application.variables());
            Some(application)
        } else {
            None
        };
        let settings = function.settings.iter();
        env.extend(settings.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self {
            lambda: None,
            function,
            scene,
            bucket,
            postgres,
            s3,
            application,
            steps,
            direct,
            env,
            deliveries: AtomicU32::new(0),
            folder,
            _room: room,
        }
    }

    /// The end of the function's log, for the error message.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let skipped = log.lines().count().saturating_sub(12);
        log.lines().skip(skipped).collect::<Vec<_>>().join("\n")
    }

    /// Starts or restarts the function. Returns when it polls.
    pub(crate) async fn start(&mut self) {
        let (binary, env) = (binary(self.function.binary), self.env.clone());
        let lambda = if let Some(lambda) = &mut self.lambda {
            lambda.launch(guard(), &binary, env).expect("it starts");
            lambda
        } else {
            // Do not redirect the log if it is captured.
            let log = std::env::var_os(capture::FOLDER).is_none();
            let log = log.then(|| self.folder.path().join("log"));
            let lambda = Lambda::start_logging(guard(), &binary, env, log).await;
            self.lambda.insert(lambda.expect("it starts"))
        };
        let ready = tokio::time::timeout(START, lambda.ready()).await;
        assert!(ready.is_ok(), "{} does not start", self.function.name);
    }

    /// The same with both proxies open.
    pub(crate) async fn start_well(&mut self) {
        self.postgres.open();
        self.s3.open();
        self.application.iter().for_each(Application::open);
        self.start().await;
    }

    /// Sends an event that opens the connections. Changes to the schema are undone.
    pub(crate) async fn warm_up(&self) {
        let outcome = self.give(&(self.function.warm)(&self.scene), AMPLE).await;
        let verdict = self.function.judge(&outcome, true);
        assert!(matches!(verdict, Verdict::Done(_)), "warm-up: {outcome:?}");
        if self.function.migrates {
            self.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
                .await;
        }
        if let Some(application) = &self.application {
            self.sql(FORGET).await;
            drop(application.taken());
        }
    }

    /// Sends the event of the test with this deadline.
    pub(crate) async fn invoke(&self, deadline: Duration) -> InvocationResult {
        if let Some(application) = &self.application {
            let messages = application.messages().await.expect("messages");
            let outcome = self.give(&messages, deadline).await;
            application.settle(&messages, &outcome);
            return outcome;
        }
        let mut event = (self.function.event)(&self.scene);
        let deliveries = self.deliveries.fetch_add(1, Ordering::Relaxed) + 1;
        for record in event["Records"].as_array_mut().into_iter().flatten() {
            if record["eventSource"] == "aws:sqs" {
                record["attributes"]["ApproximateReceiveCount"] = deliveries.to_string().into();
            }
        }
        self.give(&event, deadline).await
    }

    pub(crate) async fn give(&self, event: &Value, deadline: Duration) -> InvocationResult {
        let lambda = self.lambda.as_ref().expect("it was started");
        lambda.invoke_for(event, deadline, deadline + MARGIN).await
    }

    /// Clears all faults, and restarts the function if it has ended.
    pub(crate) async fn heal(&mut self) {
        self.postgres.set(TcpFault::None);
        self.s3.heal();
        self.application.iter().for_each(Application::heal);
        self.steps.begin(None);
        self.steps.release();
        self.postgres.open();
        self.s3.open();
        self.application.iter().for_each(Application::open);
        let lambda = self.lambda.as_mut().expect("it was started");
        if lambda.has_ended().expect("its state") {
            self.start().await;
        }
        // The lease of a killed worker would expire only after five minutes.
        if !self.function.migrates {
            self.sql("UPDATE maintenance SET held_until = now() - interval '1 second' WHERE held_by IS NOT NULL")
                .await;
        }
    }

    /// Kills the function, and cuts its connections.
    pub(crate) async fn kill(&mut self) {
        self.signal(Signal::KILL);
        let lambda = self.lambda.as_mut().expect("it was started");
        while !lambda.has_ended().expect("its state") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.postgres.cut();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self.lambda.as_ref().and_then(Lambda::pid).expect("a pid");
        let pid = Pid::from_raw(pid).expect("a pid");
        kill_process(pid, signal).expect("it runs");
    }

    /// Terminates its backends, and waits until they have ended.
    pub(crate) async fn terminate_backends(&self) {
        let sql = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        self.sql(sql).await;
    }

    pub(crate) async fn sql(&self, sql: &str) {
        let admin = self.admin().await;
        admin.batch_execute(sql).await.expect("the statement runs");
    }

    /// Locks what the function needs: every table, or the advisory lock of `migrate`.
    pub(crate) async fn lock(&self) -> Client {
        let holder = self.admin().await;
        let lock = if self.function.migrates {
            "BEGIN; SELECT pg_advisory_xact_lock(32488822435963257)"
        } else {
            "BEGIN; LOCK TABLE s3_files, user_usage, multipart_uploads, maintenance, webhook_events"
        };
        holder.batch_execute(lock).await.expect("the lock is free");
        holder
    }

    /// The database without the proxy.
    pub(crate) fn db(&self) -> Db {
        database(&self.direct["DATABASE_URL"])
    }

    /// Opens a connection as the superuser, without the proxy.
    pub(crate) async fn admin(&self) -> Client {
        connect(&self.direct["DATABASE_URL"]).await
    }

    /// Ends the function, and drops the database.
    pub(crate) async fn end(mut self) {
        let lambda = self.lambda.take();
        // Dropping it blocks until the process has ended.
        let ended = tokio::task::spawn_blocking(|| drop(lambda)).await;
        ended.expect("no panic");
        let (server, name) = self.direct["DATABASE_URL"].rsplit_once('/').expect("a URL");
        let admin = connect(&format!("{server}/postgres")).await;
        let drop = format!("DROP DATABASE {name} WITH (FORCE)");
        admin.batch_execute(&drop).await.expect("it goes");
    }
}

/// With events and a limit for the size of files.
fn recording(mut env: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let variables = [("WEBHOOKS", "true"), ("MAX_UPLOAD_BYTES", MAX_BYTES)];
    env.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
    env
}

fn database(url: &str) -> Db {
    let config = Config::parse("DATABASE_URL", url).expect("our own URL");
    let config = config.with_limits(Limits {
        connect: AMPLE,
        statement: AMPLE,
        call: AMPLE,
    });
    let db = Db::new(config).expect("no TLS is needed");
    db.with_events(true)
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("the server answers");
    tokio::spawn(connection);
    client
}

fn url_port(url: &str) -> u16 {
    let (_, rest) = url.rsplit_once(':').expect("a port");
    let (port, _) = rest.split_once('/').expect("a database");
    port.parse().expect("a number")
}
