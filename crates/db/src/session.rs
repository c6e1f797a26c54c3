//! One connection: its client, its task, and a look at its socket.

use std::io::ErrorKind;
use std::net::TcpStream as StdTcpStream;

use postgres_native_tls::TlsConnector;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::failure::Failure;
use crate::tls::Tls;

/// A connection that is logged in. Dropping it closes it at once, whatever was under way.
pub(crate) struct Session {
    pub(crate) client: Client,
    /// The same socket, to look at without reading.
    socket: StdTcpStream,
    task: JoinHandle<()>,
}

impl Session {
    /// TLS and login on `stream`.
    pub(crate) async fn start(
        stream: TcpStream,
        host: &str,
        tls: &Tls,
        login: &tokio_postgres::Config,
    ) -> Result<Self, Failure> {
        let stream = stream.into_std().map_err(Failure::Connect)?;
        let socket = stream.try_clone().map_err(Failure::Connect)?;
        let stream = TcpStream::from_std(stream).map_err(Failure::Connect)?;
        // How a connection ends shows in the call that needed it, so its task says nothing.
        let (client, task) = if let Some(connector) = &tls.0 {
            let tls = TlsConnector::new(connector.clone(), host);
            let (client, connection) = login
                .connect_raw(stream, tls)
                .await
                .map_err(Failure::at_login)?;
            (client, tokio::spawn(async move { drop(connection.await) }))
        } else {
            let (client, connection) = login
                .connect_raw(stream, NoTls)
                .await
                .map_err(Failure::at_login)?;
            (client, tokio::spawn(async move { drop(connection.await) }))
        };
        Ok(Self {
            client,
            socket,
            task,
        })
    }

    /// Whether an idle connection can still be used.
    ///
    /// A server that went away while we were frozen has sent its farewell or the end of the stream, which
    /// nobody has read yet: a healthy idle socket has nothing to read.
    pub(crate) fn is_usable(&self) -> bool {
        let nothing_to_read = self
            .socket
            .peek(&mut [0])
            .is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        nothing_to_read && !self.client.is_closed()
    }

    /// Whether the server takes no writes, as a standby does.
    pub(crate) async fn is_read_only(&self) -> Result<bool, Failure> {
        let messages = self
            .client
            .simple_query("SHOW transaction_read_only")
            .await?;
        Ok(messages.iter().any(
            |message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("on")),
        ))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A connection that hangs would otherwise keep its socket until its peer answers.
        self.task.abort();
    }
}
