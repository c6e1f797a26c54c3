//! A TCP proxy that breaks connections on demand.

mod pump;

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

pub use pump::Direction;
use pump::pump;

/// Is shown bytes before they are passed on, which waits for it: so it sees how far the client is, and can hold it there.
pub type Watch = Arc<dyn Fn(Direction, &[u8]) -> BoxFuture<'static, ()> + Send + Sync>;

/// What the proxy does to bytes. It holds for connections that are open and for those to come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Passes them on.
    #[default]
    None,
    /// Passes them on later, each way.
    Delay(Duration),
    /// Swallows them, each way, and keeps the connection open.
    Blackhole,
    /// Cuts before what the server says is passed on, once it holds these bytes; new connections are well again.
    LoseAnswer(&'static [u8]),
    /// The same with what the client says: the server never hears it.
    LoseRequest(&'static [u8]),
    /// Closes every connection as soon as it is made.
    Refuse,
}

/// A running proxy; its connections end when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    upstream: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
    /// Its port, as long as nobody listens on it.
    closed: Mutex<Option<(TcpSocket, oneshot::Sender<TcpListener>)>>,
}

struct Shared {
    fault: watch::Sender<Fault>,
    /// Counts up to cut what is open.
    cuts: watch::Sender<u64>,
    /// Counts up to end the server's half of what is open.
    half_closes: watch::Sender<u64>,
    connections: AtomicUsize,
    rewrite: Option<(Vec<u8>, Vec<u8>)>,
    rewrites: AtomicUsize,
    watch: Option<Watch>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Proxy {
    /// Passes connections on to `port` on this machine.
    #[expect(
        clippy::unused_async,
        reason = "it needs the runtime of whoever awaits it"
    )]
    pub async fn start(port: u16) -> Self {
        let proxy = Self::closed(port, None, None);
        proxy.open();
        proxy
    }

    /// The same, and writes `to` for `from` in what clients send: as long, so that no length is wrong.
    #[expect(
        clippy::unused_async,
        reason = "it needs the runtime of whoever awaits it"
    )]
    pub async fn rewriting(port: u16, from: &str, to: &str) -> Self {
        assert_eq!(from.len(), to.len(), "the length must not change");
        let proxy = Self::closed(port, Some((from.into(), to.into())), None);
        proxy.open();
        proxy
    }

    /// The same, and `watch` sees everything. Connections are refused, by the system, until it is opened.
    #[must_use]
    pub fn watched(port: u16, watch: Watch) -> Self {
        Self::closed(port, None, Some(watch))
    }

    fn closed(port: u16, rewrite: Option<(Vec<u8>, Vec<u8>)>, watch: Option<Watch>) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(any).expect("a port");
        let address = socket.local_addr().expect("an address");
        let upstream = SocketAddr::from(([127, 0, 0, 1], port));
        let shared = Arc::new(Shared {
            fault: watch::Sender::default(),
            cuts: watch::Sender::default(),
            half_closes: watch::Sender::default(),
            connections: AtomicUsize::new(0),
            rewrite,
            rewrites: AtomicUsize::new(0),
            watch,
        });
        let (opened, listener) = oneshot::channel();
        let accepting = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            if let Ok(listener) = listener.await {
                accept(listener, upstream, accepting).await;
            }
        });
        Self {
            address,
            upstream,
            shared,
            task,
            closed: Mutex::new(Some((socket, opened))),
        }
    }

    /// Begins to listen, where it did not yet.
    pub fn open(&self) {
        let closed = self.closed.lock().expect("nobody panicked here").take();
        if let Some((socket, opened)) = closed {
            let listener = socket.listen(1024).expect("a listener");
            // Nobody accepts any more where the runtime is going.
            let _ = opened.send(listener);
        }
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `url` with the proxy's port for the server's.
    #[must_use]
    pub fn through(&self, url: &str) -> String {
        let (from, to) = (self.upstream.port(), self.port());
        url.replace(&format!(":{from}"), &format!(":{to}"))
    }

    /// How many connections were made so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How often something was rewritten.
    #[must_use]
    pub fn rewrites(&self) -> usize {
        self.shared.rewrites.load(Ordering::SeqCst)
    }

    /// From now on, `fault`.
    pub fn set(&self, fault: Fault) {
        self.shared.fault.send_replace(fault);
    }

    /// Ends all open connections.
    pub fn cut(&self) {
        self.shared.cuts.send_modify(|count| *count += 1);
    }

    /// Tells clients of open connections that the server has nothing more to say, and still reads them.
    pub fn half_close(&self) {
        self.shared.half_closes.send_modify(|count| *count += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
        self.cut();
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::SeqCst);
        if *shared.fault.borrow() != Fault::Refuse {
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
