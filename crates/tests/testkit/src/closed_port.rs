//! A port that refuses connections until a test opens it.

use std::net::SocketAddr;
use std::sync::Mutex;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;

/// A bound port of this machine. The system refuses connections to it until [`ClosedPort::open`].
#[derive(Debug)]
pub(crate) struct ClosedPort {
    address: SocketAddr,
    closed: Mutex<Option<(TcpSocket, oneshot::Sender<TcpListener>)>>,
}

impl ClosedPort {
    /// Binds a free port. The receiver gets the listener when the port is opened.
    pub(crate) fn bind() -> (Self, oneshot::Receiver<TcpListener>) {
        let socket = TcpSocket::new_v4().expect("a socket");
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        socket.bind(any).expect("a port");
        let address = socket.local_addr().expect("an address");
        let (opened, listener) = oneshot::channel();
        let closed = Mutex::new(Some((socket, opened)));
        (Self { address, closed }, listener)
    }

    /// Listens from now on. Does nothing if the port is open already.
    pub(crate) fn open(&self) {
        let closed = self.closed.lock().expect("no panic with the lock").take();
        if let Some((socket, opened)) = closed {
            let listener = socket.listen(1024).expect("a listener");
            // The receiver is dropped first while the runtime shuts down.
            let _ = opened.send(listener);
        }
    }

    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }
}
