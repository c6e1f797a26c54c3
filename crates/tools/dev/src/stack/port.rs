//! Checks the API's port before anything is built.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

/// Fails if the port is taken.
pub(super) async fn claim(port: u16) -> io::Result<()> {
    // A stack that was killed a moment ago may still hold the port.
    let until = Instant::now() + Duration::from_secs(5);
    loop {
        // Clients resolve `localhost` to ::1 first, so a program that listens there would get our
        // requests.
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.is_ok()
            && TcpStream::connect((Ipv6Addr::LOCALHOST, port))
                .await
                .is_err();
        if free {
            return Ok(());
        }
        if Instant::now() > until {
            return Err(io::Error::other(format!(
                "port {port} is taken by another program: stop that, or use another port with \
                 `cargo dev --port {}`",
                port.checked_add(1).unwrap_or(3000)
            )));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
