//! One direction of one connection.

use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::{Shared, TcpFault};

/// The direction of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// Passes bytes on until one end closes or the fault stops it.
pub(super) async fn pump(
    direction: Direction,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    shared: &Shared,
) {
    let mut half_closes = shared.half_closes.subscribe();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = tokio::select! {
            count = from.read(&mut buffer) => count.unwrap_or(0),
            _ = half_closes.changed(), if direction == Direction::ToClient => 0,
        };
        if count == 0 {
            if direction == Direction::ToClient {
                // A blackhole drops the server's FIN as well, so that the client sees no end of the
                // silence.
                let mut fault = shared.fault.subscribe();
                let _ = fault.wait_for(|fault| *fault != TcpFault::Blackhole).await;
            }
            // Dropping `to` would close it too; `shutdown` makes it explicit.
            let _ = to.shutdown().await;
            return;
        }
        let mut bytes = buffer[..count].to_vec();
        if let Some(observer) = &shared.observer {
            observer(direction, &bytes).await;
        }
        let fault = shared.fault.borrow().clone();
        match fault {
            TcpFault::Delay(time) => tokio::time::sleep(time).await,
            TcpFault::Blackhole => continue,
            TcpFault::LoseResponse(mark) if direction == Direction::ToClient => {
                if lose(&bytes, mark, shared) {
                    continue;
                }
            }
            TcpFault::LoseRequest(mark) if direction == Direction::ToServer => {
                if lose(&bytes, mark, shared) {
                    continue;
                }
            }
            TcpFault::None | TcpFault::LoseResponse(_) | TcpFault::LoseRequest(_) => {}
            TcpFault::Refuse => return,
        }
        if let (Direction::ToServer, Some((old, new))) = (direction, &shared.rewrite) {
            let count = rewrite(&mut bytes, old, new);
            shared.rewrites.fetch_add(count, Ordering::SeqCst);
        }
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// Cuts the connection and clears the fault if the bytes contain the mark.
fn lose(bytes: &[u8], mark: &[u8], shared: &Shared) -> bool {
    let found = bytes.windows(mark.len()).any(|window| window == mark);
    if found {
        shared.fault.send_replace(TcpFault::None);
        shared.cuts.send_modify(|count| *count += 1);
    }
    found
}

/// Replaces `old` by `new` and returns how often. A statement is one message in one write, so it is
/// never split here.
fn rewrite(bytes: &mut [u8], old: &[u8], new: &[u8]) -> usize {
    let mut count = 0;
    let mut at = 0;
    while at + old.len() <= bytes.len() {
        if &bytes[at..at + old.len()] == old {
            bytes[at..at + old.len()].copy_from_slice(new);
            count += 1;
        }
        at += 1;
    }
    count
}
