//! The server: a listener, its connections, and its shutdown.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use super::access::{Access, Authentication, KeyPairs, OneBucket};
use super::cors::CorsRule;
use super::edge;
use super::event::ObjectEvent;
use super::keys::KeyPair;
use super::object::Moment;
use super::policy::{Policy, PolicyError};
use super::scanner::Scanner;
use super::service::Bucket;
use super::store::Store;
use super::uses::{Used, Uses};

/// The time that running requests get at a shutdown.
const GRACE: Duration = Duration::from_secs(5);

/// The address, folder, bucket and administrator of a server.
#[derive(Clone)]
pub struct S3Options {
    /// The folder of all stored data. It is created if it is missing.
    pub root: PathBuf,
    /// The one bucket, which always exists.
    pub bucket: String,
    /// The region that signatures must name.
    pub region: String,
    /// The administrator's access key, which needs no grant.
    pub access_key: String,
    /// Its secret. [`KeyPair::of_function`] derives the pairs of the functions from the two.
    pub secret_key: String,
    /// `127.0.0.1:0` takes a free port.
    pub listen: SocketAddr,
}

/// A running server. It stops at [`S3Server::shutdown`], or when dropped.
pub struct S3Server {
    address: SocketAddr,
    store: Arc<Store>,
    uses: Arc<Uses>,
    stop: Option<oneshot::Sender<()>>,
    accepting: JoinHandle<()>,
}

impl S3Server {
    /// Loads the stored data, and starts serving. Every change is sent to the receiver.
    pub async fn start(
        options: S3Options,
    ) -> io::Result<(Self, mpsc::UnboundedReceiver<ObjectEvent>)> {
        Self::start_with(options, Policy::default()).await
    }

    /// Like [`S3Server::start`], for a bucket with these settings.
    pub async fn start_with(
        options: S3Options,
        policy: Policy,
    ) -> io::Result<(Self, mpsc::UnboundedReceiver<ObjectEvent>)> {
        let security = Security::of(&options, &policy).map_err(io::Error::other)?;
        let uses = Arc::clone(&security.access.uses);
        let listener = TcpListener::bind(options.listen).await?;
        let address = listener.local_addr()?;
        let (events, receiver) = mpsc::unbounded_channel();
        let (root, bucket, region) = (
            options.root.clone(),
            options.bucket.clone(),
            options.region.clone(),
        );
        let store = tokio::task::spawn_blocking(move || Store::open(root, bucket, region, events));
        let store = Arc::new(store.await.map_err(io::Error::other)??);
        let cors = Arc::new(CorsRule::of_template(policy.cors_origins())?);
        let service = Arc::new(service(Arc::clone(&store), options.region, security));
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(accept(listener, service, cors, stopped));
        Ok((
            Self {
                address,
                store,
                uses,
                stop: Some(stop),
                accepting,
            },
            receiver,
        ))
    }

    /// The URL for clients, such as `http://127.0.0.1:9000`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on, writes have `time` as their Last-Modified, so that a test can make uploads of
    /// the same or of later seconds without waiting. Signatures are checked with the real time.
    pub fn stop_clock(&self, time: OffsetDateTime) {
        self.store.stop_clock(Moment::of(time));
    }

    /// The grants that each function has used since the server started.
    #[must_use]
    pub fn used(&self) -> Used {
        self.uses.all()
    }

    /// Scans objects as `GuardDuty` does, and tags them.
    #[must_use]
    pub fn scanner(&self) -> Scanner {
        Scanner(Arc::clone(&self.store))
    }

    /// Stops accepting connections, and waits for running requests.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            // The task may have ended by itself.
            let _ = stop.send(());
        }
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        // The connections end too, since the task owns them.
        self.accepting.abort();
    }
}

/// Access control of this server.
struct Security {
    access: Access,
    keys: Arc<KeyPairs>,
    public_read: bool,
}

impl Security {
    fn of(options: &S3Options, policy: &Policy) -> Result<Self, PolicyError> {
        let administrator = KeyPair::new(&options.access_key, &options.secret_key);
        Ok(Self {
            access: Access {
                bucket: options.bucket.clone(),
                policy: Arc::new(policy.document(&options.bucket)?),
                uses: Arc::default(),
            },
            keys: Arc::new(KeyPairs::new(
                &administrator,
                policy.roles(&options.bucket)?,
            )),
            public_read: policy.public_read,
        })
    }
}

fn service(store: Arc<Store>, region: String, security: Security) -> S3Service {
    let mut config = S3Config::default();
    // Browser forms are read into memory, and nothing here uses them.
    config.post_object_max_file_size = 0;
    let Security {
        access,
        keys,
        public_read,
    } = security;
    let mut builder = S3ServiceBuilder::new(Bucket(Arc::clone(&store), access.clone()));
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    builder.set_auth(Authentication(Arc::clone(&keys)));
    builder.set_access(OneBucket {
        region,
        store,
        access,
        keys,
        public_read,
    });
    builder.build()
}

async fn accept(
    listener: TcpListener,
    service: Arc<S3Service>,
    cors: Arc<CorsRule>,
    mut stop: oneshot::Receiver<()>,
) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stop => break,
        };
        // Removes finished connections, so that the set stays small.
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = stream else {
            // Probably out of file descriptors. Retry when connections have closed.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (service, cors) = (Arc::clone(&service), Arc::clone(&cors));
        let connection = http1::Builder::new().serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| {
                edge::answer(Arc::clone(&service), Arc::clone(&cors), request)
            }),
        );
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            // A client that closes the connection is not an error.
            let _ = connection.await;
            Ok::<(), Infallible>(())
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, graceful.shutdown()).await;
    connections.shutdown().await;
}
