//! A TCP proxy that records the client's CPU time at each message. Unlike the fault proxy of the
//! tests it uses threads, which wait for the process's clock.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use super::process::{ClockReading, CpuClock};

/// A recorded message.
#[derive(Clone, Copy, Debug)]
pub(super) struct WireMark {
    pub(super) moment: ClockReading,
    pub(super) what: WireEvent,
}

/// The kind of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WireEvent {
    /// The client has connected.
    Connected,
    /// The client's `ClientHello`.
    Hello,
    /// Another message of the client.
    ToServer,
    /// A message of the server.
    ToClient,
}

/// A listener in front of one server, for one client.
#[derive(Debug)]
pub(super) struct Wire {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: u16,
    clock: Arc<OnceLock<CpuClock>>,
    marks: Mutex<Vec<WireMark>>,
    ended: AtomicBool,
}

impl Wire {
    /// In front of the server at `port`. It passes nothing on until the client's clock is known.
    pub(super) fn start(port: u16, clock: &Arc<OnceLock<CpuClock>>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream: port,
            clock: Arc::clone(clock),
            marks: Mutex::default(),
            ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                if accepting.ended.load(Ordering::SeqCst) {
                    return;
                }
                // An error means that one end has closed the connection.
                let _ = pass(client, &accepting);
            }
        });
        Ok(Self { address, shared })
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// All messages so far, in order.
    pub(super) fn marks(&self) -> Vec<WireMark> {
        let marks = self.shared.marks.lock();
        marks.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // Unblocks `accept`.
        let _ = TcpStream::connect(self.address);
    }
}

fn pass(client: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    shared.note(WireEvent::Connected)?;
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.upstream))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ends = [
        (client.try_clone()?, server.try_clone()?, true),
        (server, client, false),
    ];
    for (from, to, to_server) in ends {
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            let _ = pump(&from, &to, to_server, &shared);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    Ok(())
}

fn pump(
    mut from: &TcpStream,
    mut to: &TcpStream,
    to_server: bool,
    shared: &Shared,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        // A TLS record with a handshake message that is a ClientHello (RFC 8446, sections 4 and
        // 5.1).
        let hello = buffer[0] == 0x16 && buffer[..count].get(5) == Some(&1);
        shared.note(match to_server {
            true if hello => WireEvent::Hello,
            true => WireEvent::ToServer,
            false => WireEvent::ToClient,
        })?;
        to.write_all(&buffer[..count])?;
    }
}

impl Shared {
    fn note(&self, what: WireEvent) -> io::Result<()> {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let moment = self.clock.wait().now()?;
        marks.push(WireMark { moment, what });
        Ok(())
    }
}
