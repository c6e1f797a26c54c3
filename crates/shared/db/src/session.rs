//! One connection to Postgres, and the check that it is alive.
//!
//! Lambda freezes an execution environment between requests. A server or a pooler may close the
//! connection in the meantime. `tokio_postgres` notices that only after its task has run again:
//! right after a freeze, `Client::is_closed()` found 0 of 20 closed connections. The first
//! statement would be sent into a dead socket, and the client could not know whether it was
//! executed.
//!
//! The socket is therefore checked before use. A healthy idle connection has nothing to read. A
//! server that closed the connection has sent an error message or the end of the stream, which
//! waits in the socket. A non-blocking `peek` on a duplicate of the socket detects both without
//! consuming data from the connection's task, and found 20 of 20.

use std::io::ErrorKind;
use std::net::TcpStream as StdTcpStream;

use postgres_native_tls::TlsConnector;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

use crate::failure::Failure;
use crate::tls::Tls;

/// A logged-in connection. Dropping it closes it at once, even during a statement.
pub(crate) struct Session {
    pub(crate) client: Client,
    /// A duplicate of the socket, for the `peek`.
    socket: StdTcpStream,
    task: JoinHandle<()>,
}

impl Session {
    /// Performs TLS and login on `stream`.
    pub(crate) async fn start(
        stream: TcpStream,
        host: &str,
        tls: &Tls,
        login: &tokio_postgres::Config,
    ) -> Result<Self, Failure> {
        let stream = stream.into_std().map_err(Failure::Connect)?;
        let socket = stream.try_clone().map_err(Failure::Connect)?;
        let stream = TcpStream::from_std(stream).map_err(Failure::Connect)?;
        // The statement that needs the connection reports its failure, so the task does not.
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

    /// Returns whether an idle connection is still usable: there is nothing to read.
    pub(crate) fn is_usable(&self) -> bool {
        let nothing_to_read = self
            .socket
            .peek(&mut [0])
            .is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        nothing_to_read && !self.client.is_closed()
    }

    /// Whether the server is read-only, like a standby.
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
        // Otherwise a connection that hangs would keep its socket until its peer answers.
        self.task.abort();
    }
}
