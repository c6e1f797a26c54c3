//! A TCP proxy that delays, drops or cuts connections.

mod pump;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::closed_port::ClosedPort;

pub use pump::Direction;
use pump::pump;

/// Receives bytes before the proxy passes them on. The proxy waits for the future, so a test can
/// hold a client at any message.
pub type TcpObserver = Arc<dyn Fn(Direction, &[u8]) -> BoxFuture<'static, ()> + Send + Sync>;

/// What the proxy does to bytes, on open connections and on new ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TcpFault {
    /// Passes them on.
    #[default]
    None,
    /// Passes them on after a delay, in each direction.
    Delay(Duration),
    /// Drops them in each direction, and keeps the connection open.
    Blackhole,
    /// Cuts the connection when the server sends these bytes, before the client receives them.
    /// Later connections work.
    LoseResponse(&'static [u8]),
    /// Cuts the connection when the client sends these bytes, before the server receives them.
    /// Later connections work.
    LoseRequest(&'static [u8]),
    /// Closes every connection as soon as it is accepted.
    Refuse,
}

/// A running proxy. Its connections are cut when it is dropped.
#[derive(Debug)]
pub struct TcpProxy {
    port: ClosedPort,
    upstream: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    fault: watch::Sender<TcpFault>,
    /// A counter. Each increment cuts the open connections.
    cuts: watch::Sender<u64>,
    /// A counter. Each increment closes the server's half of the open connections.
    half_closes: watch::Sender<u64>,
    connections: AtomicUsize,
    rewrite: Option<(Vec<u8>, Vec<u8>)>,
    rewrites: AtomicUsize,
    observer: Option<TcpObserver>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl TcpProxy {
    /// Passes connections on to `port` of this machine.
    #[expect(clippy::unused_async, reason = "it spawns, which needs a runtime")]
    pub async fn start(port: u16) -> Self {
        let proxy = Self::closed(port, None, None);
        proxy.open();
        proxy
    }

    /// The same, and replaces `from` with `to` in what clients send. Both have the same length, so
    /// that message lengths stay correct.
    #[expect(clippy::unused_async, reason = "it spawns, which needs a runtime")]
    pub async fn rewriting(port: u16, from: &str, to: &str) -> Self {
        assert_eq!(from.len(), to.len(), "the length must not change");
        let proxy = Self::closed(port, Some((from.into(), to.into())), None);
        proxy.open();
        proxy
    }

    /// The same, and `observer` receives all bytes. The system refuses connections until
    /// [`TcpProxy::open`].
    #[must_use]
    pub fn observed(port: u16, watch: TcpObserver) -> Self {
        Self::closed(port, None, Some(watch))
    }

    fn closed(
        port: u16,
        rewrite: Option<(Vec<u8>, Vec<u8>)>,
        observer: Option<TcpObserver>,
    ) -> Self {
        let upstream = SocketAddr::from(([127, 0, 0, 1], port));
        let shared = Arc::new(Shared {
            fault: watch::Sender::default(),
            cuts: watch::Sender::default(),
            half_closes: watch::Sender::default(),
            connections: AtomicUsize::new(0),
            rewrite,
            rewrites: AtomicUsize::new(0),
            observer,
        });
        let (port, listener) = ClosedPort::bind();
        let accepting = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            if let Ok(listener) = listener.await {
                accept(listener, upstream, accepting).await;
            }
        });
        Self {
            port,
            upstream,
            shared,
            task,
        }
    }

    /// Accepts connections from now on.
    pub fn open(&self) {
        self.port.open();
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.port()
    }

    /// `url` with the port of the proxy instead of the server's.
    #[must_use]
    pub fn through(&self, url: &str) -> String {
        let (from, to) = (self.upstream.port(), self.port());
        url.replace(&format!(":{from}"), &format!(":{to}"))
    }

    /// The number of connections so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// The number of replacements so far.
    #[must_use]
    pub fn rewrites(&self) -> usize {
        self.shared.rewrites.load(Ordering::SeqCst)
    }

    /// Sets the fault from now on.
    pub fn set(&self, fault: TcpFault) {
        self.shared.fault.send_replace(fault);
    }

    /// Cuts all open connections.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|count| *count += 1);
    }

    /// Closes the server's half of open connections. The server still receives what clients send.
    pub fn half_close(&self) {
        self.shared.half_closes.send_modify(|count| *count += 1);
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        if *shared.fault.borrow() != TcpFault::Refuse {
            tokio::spawn(serve(client, upstream, Arc::clone(&shared)));
        }
    }
}

async fn serve(client: TcpStream, upstream: SocketAddr, shared: Arc<Shared>) {
    let mut cuts = shared.cuts.subscribe();
    let Ok(server) = TcpStream::connect(upstream).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let both = async {
        tokio::join!(
            pump(Direction::ToServer, from_client, to_server, &shared),
            pump(Direction::ToClient, from_server, to_client, &shared),
        )
    };
    tokio::select! {
        _ = both => {}
        _ = cuts.changed() => {}
    }
}
