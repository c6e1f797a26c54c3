//! Opens the connection: name lookup, TCP, TLS and login under one deadline, one host after
//! another.

use std::net::SocketAddr;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

use crate::Db;
use crate::config::Server;
use crate::failure::Failure;
use crate::session::Session;

impl Db {
    /// Connects to the first server that answers and is suitable.
    pub(crate) async fn connect(&self) -> Result<Session, Failure> {
        let deadline = Instant::now() + self.shared.config.limits.connect;
        let mut failure = Failure::Timeout("connecting");
        for (at, server) in self.shared.config.servers.iter().enumerate() {
            // A host that drops packets must leave time for the next ones.
            let share = share(deadline, self.shared.config.servers.len() - at);
            failure = match timeout_at(share, self.connect_to(server, share)).await {
                Ok(Ok(session)) => return Ok(session),
                Ok(Err(failure)) => failure,
                Err(_) => Failure::Timeout("connecting"),
            };
        }
        Err(failure)
    }

    async fn connect_to(&self, server: &Server, deadline: Instant) -> Result<Session, Failure> {
        let stream = self.tcp(server, deadline).await.map_err(Failure::Connect)?;
        let session = Session::start(
            stream,
            &server.host,
            &self.shared.tls,
            &self.shared.config.login,
        )
        .await?;
        if self.shared.config.writable && session.is_read_only().await? {
            return Err(Failure::ReadOnly);
        }
        Ok(session)
    }

    async fn tcp(&self, server: &Server, deadline: Instant) -> std::io::Result<TcpStream> {
        let addresses: Vec<SocketAddr> = match server.address {
            Some(address) => vec![(address, server.port).into()],
            None => lookup_host((server.host.as_str(), server.port))
                .await?
                .collect(),
        };
        let mut result = Err(std::io::Error::other("the host has no address"));
        for (at, address) in addresses.iter().enumerate() {
            let share = share(deadline, addresses.len() - at);
            result = match timeout_at(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return self.tuned(stream),
                Ok(Err(error)) => Err(error),
                Err(_) => Err(std::io::ErrorKind::TimedOut.into()),
            };
        }
        result
    }

    fn tuned(&self, stream: TcpStream) -> std::io::Result<TcpStream> {
        stream.set_nodelay(true)?;
        let socket = SockRef::from(&stream);
        if let Some(keepalive) = &self.shared.config.keepalive {
            socket.set_tcp_keepalive(keepalive)?;
        }
        #[cfg(target_os = "linux")]
        if self.shared.config.tcp_user_timeout.is_some() {
            socket.set_tcp_user_timeout(self.shared.config.tcp_user_timeout)?;
        }
        Ok(stream)
    }
}

/// The end of the first of `parts` equal parts of the time until `deadline`.
fn share(deadline: Instant, parts: usize) -> Instant {
    let left = deadline.saturating_duration_since(Instant::now());
    let parts = u32::try_from(parts).unwrap_or(u32::MAX).max(1);
    Instant::now() + left.checked_div(parts).unwrap_or(Duration::ZERO)
}
