//! One direction of one connection.

use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::{Fault, Shared};

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// And back.
    ToClient,
}

/// Passes bytes on until either end closes or the fault says to stop.
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
                // Swallowed as well: who waits for silence to end must not hear that the server has hung up.
                let mut fault = shared.fault.subscribe();
                let _ = fault.wait_for(|fault| *fault != Fault::Blackhole).await;
            }
            // Dropping `to` would do, but says nothing of why.
            let _ = to.shutdown().await;
            return;
        }
        let mut bytes = buffer[..count].to_vec();
        if let Some(watch) = &shared.watch {
            watch(direction, &bytes).await;
        }
        let fault = shared.fault.borrow().clone();
        match fault {
            Fault::Delay(time) => tokio::time::sleep(time).await,
            Fault::Blackhole => continue,
            Fault::LoseAnswer(mark) if direction == Direction::ToClient => {
                if lose(&bytes, mark, shared) {
                    continue;
                }
            }
            Fault::LoseRequest(mark) if direction == Direction::ToServer => {
                if lose(&bytes, mark, shared) {
                    continue;
                }
            }
            Fault::None | Fault::LoseAnswer(_) | Fault::LoseRequest(_) => {}
            Fault::Refuse => return,
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

/// Cuts and heals the proxy if the mark comes by.
fn lose(bytes: &[u8], mark: &[u8], shared: &Shared) -> bool {
    let found = bytes.windows(mark.len()).any(|window| window == mark);
    if found {
        shared.fault.send_replace(Fault::None);
        shared.cuts.send_modify(|count| *count += 1);
    }
    found
}

/// How often. A statement is one message in one write, so it does not come in parts here.
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
