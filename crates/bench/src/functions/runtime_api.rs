//! Lambda's runtime API as lean as can be: on plain threads, so that hardly anything but the function is measured.
//!
//! Source of every path and header: "Using the Lambda runtime API for custom runtimes", AWS Lambda Developer Guide.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use super::process::CpuClock;

/// How long a function may take over anything. Under a quota, Python starts for many seconds.
const PATIENCE: Duration = Duration::from_secs(90);

/// What a function did, when, and how much CPU it had used by then.
#[derive(Debug)]
pub(super) enum Seen {
    /// It asks for work.
    Poll(Moment),
    /// It answers: when it had got the event, when the answer was here, and the answer.
    Answer(Moment, Moment, Vec<u8>),
    /// It reports an error.
    Failed(String),
}

impl Seen {
    /// For who expected something else.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Poll(_) => "a poll".to_owned(),
            Self::Answer(..) => "an answer".to_owned(),
            Self::Failed(why) => format!("an error: {why}"),
        }
    }
}

/// A moment of the clock and of the function's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) at: Instant,
    pub(super) cpu: Duration,
}

/// The API for one function.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    pub(super) address: SocketAddr,
    events: Sender<Vec<u8>>,
    seen: Receiver<Seen>,
    shared: Arc<Shared>,
    count: u64,
}

#[derive(Debug)]
struct Shared {
    clock: OnceLock<CpuClock>,
    given: Mutex<Option<Moment>>,
    events: Mutex<Receiver<Vec<u8>>>,
    seen: Mutex<Sender<Seen>>,
    ended: AtomicBool,
}

impl RuntimeApi {
    pub(super) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (events, waiting) = mpsc::channel();
        let (seeing, seen) = mpsc::channel();
        let shared = Arc::new(Shared {
            clock: OnceLock::new(),
            given: Mutex::new(None),
            events: Mutex::new(waiting),
            seen: Mutex::new(seeing),
            ended: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Ok(Self {
            address,
            events,
            seen,
            shared,
            count: 0,
        })
    }

    /// Whose CPU is looked at. Before this is known, no poll is answered.
    pub(super) fn watch(&self, clock: CpuClock) {
        let _ = self.shared.clock.set(clock);
    }

    /// The next thing that the function does.
    pub(super) fn next(&self) -> io::Result<Seen> {
        self.seen
            .recv_timeout(PATIENCE)
            .map_err(|_| io::Error::other("the function is silent"))
    }

    /// Gives an event to the poll that waits, or to the next one.
    pub(super) fn give(&mut self, event: &str) -> io::Result<()> {
        self.count += 1;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let deadline = (now.unwrap_or_default() + Duration::from_secs(29)).as_millis();
        let response = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
             Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-{:012x}\r\n\
             Lambda-Runtime-Deadline-Ms: {deadline}\r\n\
             Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:function\r\n\
             Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0\r\n\
             Content-Length: {}\r\n\r\n{event}",
            self.count,
            event.len()
        );
        let gone = |_| io::Error::other("the runtime API has ended");
        self.events.send(response.into_bytes()).map_err(gone)
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        // It waits for a connection.
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept() {
        if shared.ended.load(Ordering::SeqCst) {
            return;
        }
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // A function that is killed hangs up; one that talks nonsense is told so, and is then silent.
            let _ = serve(&stream, &shared);
        });
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut writer = stream;
    let mut reader = BufReader::new(stream);
    while let Some(request) = Request::read(&mut reader, &mut writer)? {
        let clock = shared.clock.wait();
        let path = request.path.as_str();
        if path.ends_with("/invocation/next") {
            shared.tell(Seen::Poll(clock.now()?));
            let events = shared.events.lock();
            let event = events.unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(event) = event else { return Ok(()) };
            *shared.given() = Some(clock.now()?);
            writer.write_all(&event)?;
            continue;
        }
        let now = clock.now()?;
        if path.ends_with("/response") {
            let given = shared.given().take().unwrap_or(now);
            shared.tell(Seen::Answer(given, now, request.body));
        } else {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            shared.tell(Seen::Failed(format!("{path}: {body}")));
        }
        writer.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"status\":\"OK\"}")?;
    }
    Ok(())
}

impl Shared {
    fn given(&self) -> std::sync::MutexGuard<'_, Option<Moment>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, seen: Seen) {
        let sender = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody listens any more where a round has ended.
        let _ = sender.send(seen);
    }
}

struct Request {
    path: String,
    body: Vec<u8>,
}

impl Request {
    /// One request, or nothing where the function has hung up.
    fn read(reader: &mut impl BufRead, writer: &mut impl Write) -> io::Result<Option<Self>> {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let (mut length, mut chunked) = (0, false);
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().map_err(io::Error::other)?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = value.eq_ignore_ascii_case("chunked");
            } else if name.eq_ignore_ascii_case("expect") {
                writer.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        if chunked {
            read_chunks(reader, &mut body)?;
        }
        Ok(Some(Self { path, body }))
    }
}

fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    let mut line = String::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(io::Error::other)?;
        reader.by_ref().take(size).read_to_end(body)?;
        line.clear();
        reader.read_line(&mut line)?;
        if size == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, Vec<u8>) {
        let request = Request::read(&mut text.as_bytes(), &mut io::sink());
        let request = request.unwrap().unwrap();
        (request.path, request.body)
    }

    #[test]
    fn bodies_with_a_length_and_in_chunks() {
        let (path, body) = read("POST /a/response HTTP/1.1\r\nContent-LENGTH: 3\r\n\r\n{}\n");
        assert_eq!(
            (path.as_str(), body.as_slice()),
            ("/a/response", &b"{}\n"[..])
        );
        let chunks =
            "POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n1\r\n!\r\n0\r\n\r\n";
        assert_eq!(read(chunks).1, b"{}!");
        assert_eq!(read("GET /next HTTP/1.1\r\nHost: a\r\n\r\n").1, b"");
    }

    #[test]
    fn an_end_is_none() {
        let end = Request::read(&mut io::empty(), &mut io::sink());
        assert!(end.unwrap().is_none());
    }
}
