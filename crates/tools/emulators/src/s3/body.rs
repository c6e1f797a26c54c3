//! A request body that can be read to its end after a refusal.
//!
//! If a server responds and closes while the client still sends, the client may see a broken
//! connection instead of the response. S3 reads the rest of the body first, and so does this
//! server.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

/// The most bytes that are read only for that.
const MOST: usize = 256 * 1024 * 1024;
/// A client that has stopped sending gets its response after this time.
const PATIENCE: Duration = Duration::from_secs(1);

/// A handle on a request's body. Clones read the same bytes.
#[derive(Clone)]
pub(super) struct SharedBody(Arc<Mutex<Incoming>>);

impl SharedBody {
    pub(super) fn new(body: Incoming) -> Self {
        Self(Arc::new(Mutex::new(body)))
    }

    /// Reads and discards the rest of the body while it arrives.
    pub(super) async fn drain(mut self) {
        let mut read = 0;
        while read < MOST {
            let frame = std::future::poll_fn(|cx| Pin::new(&mut self).poll_frame(cx));
            let Ok(Some(Ok(frame))) = tokio::time::timeout(PATIENCE, frame).await else {
                return;
            };
            read += frame.data_ref().map_or(0, Bytes::len);
        }
    }
}

impl Body for SharedBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .size_hint()
    }
}
