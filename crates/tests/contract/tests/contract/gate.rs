//! A door to the S3 server that stays shut for some.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Hangs up on requests that hold a certain text, such as a key; passes all others on.
pub(crate) struct Gate {
    port: u16,
    shut_for: Arc<Mutex<Option<String>>>,
    task: JoinHandle<()>,
}

impl Gate {
    /// In front of `endpoint`, an `http://host:port`.
    pub(crate) async fn before(endpoint: &str) -> Self {
        let upstream = endpoint.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shut_for = Arc::<Mutex<Option<String>>>::default();
        let shared = Arc::clone(&shut_for);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, upstream.clone(), Arc::clone(&shared)));
            }
        });
        Self {
            port,
            shut_for,
            task,
        }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn shut_for(&self, text: &str) {
        *self.shut_for.lock().unwrap() = Some(text.to_owned());
    }

    pub(crate) fn open(&self) {
        *self.shut_for.lock().unwrap() = None;
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut client: TcpStream, upstream: String, shut_for: Arc<Mutex<Option<String>>>) {
    let Ok(mut server) = TcpStream::connect(upstream).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let requests = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
            // The head of a request is far smaller than one read.
            let text = String::from_utf8_lossy(&buffer[..count]);
            let shut = shut_for.lock().unwrap().clone();
            if shut.is_some_and(|mark| text.contains(&mark))
                || to_server.write_all(&buffer[..count]).await.is_err()
            {
                return;
            }
        }
    };
    tokio::select! {
        () = requests => {}
        _ = tokio::io::copy(&mut from_server, &mut to_client) => {}
    }
}
