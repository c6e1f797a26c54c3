//! One execution environment: a process as Lambda would start it, and what it uses.
//!
//! It polls the runtime API of `slipway_emulators`. The API reports each step before the process gets its reply, and the clocks
//! are read there, so what the API itself takes is in no figure but the latency, the same for every program.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Duration, Instant};

use nix::time::ClockId;
use nix::unistd::Pid;
use slipway_emulators::lambda::{Observer, Queue, RuntimeApi, Step};
use tokio::runtime::{Builder, Runtime};

use super::quota::Quota;

/// How long a function may take over anything. Under a quota, Python starts for many seconds.
const PATIENCE: Duration = Duration::from_secs(90);

/// The deadline that a function is told of.
const DEADLINE: Duration = Duration::from_secs(29);

/// A moment of the clock and of the function's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) at: Instant,
    pub(super) cpu: Duration,
}

/// What a function did, when, and how much CPU it had used by then.
#[derive(Debug)]
enum Seen {
    /// It asks for work.
    Poll(Moment),
    /// It was given the event.
    Given(Moment),
    /// It answers.
    Answer(Moment, Vec<u8>),
    /// It reports an error.
    Failed(String),
}

/// What to start, and with which variables; nothing else of ours is passed on.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    pub(super) command: Vec<OsString>,
    pub(super) env: Vec<(String, OsString)>,
    pub(super) folder: PathBuf,
}

/// The CPU that a process has used, user and system, of all its threads, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct CpuClock(ClockId);

impl CpuClock {
    fn of(pid: u32) -> io::Result<Self> {
        let pid = i32::try_from(pid).map_err(io::Error::other)?;
        Ok(Self(ClockId::pid_cpu_clock_id(Pid::from_raw(pid))?))
    }

    pub(super) fn now(self) -> io::Result<Moment> {
        let cpu = Duration::from(self.0.now()?);
        let at = Instant::now();
        Ok(Moment { at, cpu })
    }
}

/// A process that polls.
#[derive(Debug)]
pub(super) struct Instance {
    child: Child,
    queue: Arc<Queue>,
    seen: Receiver<Seen>,
    _api: RuntimeApi,
    log: PathBuf,
    polled: Moment,
}

/// What a start took until the first poll.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) poll: Duration,
    pub(super) cpu: Duration,
}

/// What one invocation took.
#[derive(Debug)]
pub(super) struct Invocation {
    /// From the event's sending to the answer's coming.
    pub(super) latency: Duration,
    /// From one poll to the next.
    pub(super) cpu: Duration,
    pub(super) answer: Vec<u8>,
    /// When it was here.
    pub(super) answered: Moment,
}

impl Instance {
    /// Starts it and waits until it polls. `log` is overwritten by what it says; `clock` becomes its own.
    pub(super) fn start(
        launch: &Launch,
        log: PathBuf,
        quota: Option<&Quota>,
        clock: &OnceLock<CpuClock>,
    ) -> io::Result<(Self, Start)> {
        let (queue, own) = (Arc::<Queue>::default(), Arc::new(OnceLock::new()));
        let (observer, seen) = observer(&own);
        let api = runtime()?.block_on(RuntimeApi::start(&queue, Some(observer)))?;
        let file = File::create(&log)?;
        let mut command = quota.map_or_else(
            || Command::new(&launch.command[0]),
            |quota| quota.command(&launch.command[0]),
        );
        command
            .args(&launch.command[1..])
            .env_clear()
            .envs(launch.env.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", api.address().to_string())
            .current_dir(&launch.folder)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let begun = Instant::now();
        let child = command.spawn()?;
        let watched = CpuClock::of(child.id())?;
        let _ = own.set(watched);
        // For the caller, who may read it as well.
        let _ = clock.set(watched);
        let mut instance = Self {
            child,
            queue,
            seen,
            _api: api,
            log,
            polled: Moment {
                at: begun,
                cpu: Duration::ZERO,
            },
        };
        let polled = instance.poll()?;
        let start = Start {
            poll: polled.at - begun,
            cpu: polled.cpu,
        };
        Ok((instance, start))
    }

    /// Gives it `event`, and returns when it polls again.
    pub(super) fn invoke(&mut self, event: &str) -> io::Result<Invocation> {
        let before = self.polled;
        // Held, since an event that is not awaited is not given.
        let _awaited = self.queue.push(event.to_owned(), DEADLINE);
        let given = match self.next()? {
            Seen::Given(given) => given,
            other => return Err(self.complaint(&format!("not given, but {}", other.words()))),
        };
        let (answered, answer) = match self.next()? {
            Seen::Answer(answered, answer) => (answered, answer),
            other => return Err(self.complaint(&format!("no answer, but {}", other.words()))),
        };
        let polled = self.poll()?;
        Ok(Invocation {
            latency: answered.at - given.at,
            cpu: polled.cpu.saturating_sub(before.cpu),
            answer,
            answered,
        })
    }

    /// The next thing that the function does.
    fn next(&self) -> io::Result<Seen> {
        self.seen
            .recv_timeout(PATIENCE)
            .map_err(|_| io::Error::other("the function is silent"))
    }

    fn poll(&mut self) -> io::Result<Moment> {
        match self.next() {
            Ok(Seen::Poll(moment)) => {
                self.polled = moment;
                Ok(moment)
            }
            Ok(other) => Err(self.complaint(&format!("no poll, but {}", other.words()))),
            Err(error) => Err(self.complaint(&error.to_string())),
        }
    }

    /// The largest memory it ever had resident, in bytes.
    pub(super) fn peak_rss(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        kilobytes(&status, "VmHWM:")
            .map(|kilobytes| kilobytes * 1024)
            .ok_or_else(|| io::Error::other("no VmHWM in /proc/PID/status"))
    }

    /// When it last asked for work.
    pub(super) fn polled(&self) -> Moment {
        self.polled
    }

    /// `what`, and the end of its log.
    pub(super) fn complaint(&self, what: &str) -> io::Error {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let skipped = log.lines().count().saturating_sub(20);
        let last: Vec<&str> = log.lines().skip(skipped).collect();
        io::Error::other(format!("{what}; its log ends with:\n{}", last.join("\n")))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What serves the runtime APIs: one thread, apart from the thread that measures.
fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build()
    });
    RUNTIME
        .as_ref()
        .map_err(|error| io::Error::other(error.to_string()))
}

/// Reads the clocks at each step. Until the process's own clock is known, its poll waits.
fn observer(clock: &Arc<OnceLock<CpuClock>>) -> (Observer, Receiver<Seen>) {
    let (sender, seen) = mpsc::channel();
    let clock = Arc::clone(clock);
    let observer = move |step: Step<'_>| {
        let now = clock.wait().now();
        let failed = |what: &str, body: &[u8]| {
            Seen::Failed(format!("{what}: {}", String::from_utf8_lossy(body)))
        };
        let seen = match (step, now) {
            (_, Err(error)) => Seen::Failed(format!("its clock: {error}")),
            (Step::Polled, Ok(now)) => Seen::Poll(now),
            (Step::Given, Ok(now)) => Seen::Given(now),
            (Step::Answered(body), Ok(now)) => Seen::Answer(now, body.to_vec()),
            (Step::Failed(body), Ok(_)) => failed("error", body),
            (Step::NotStarted(body), Ok(_)) => failed("init/error", body),
        };
        // A round that has ended receives nothing any more.
        let _ = sender.send(seen);
    };
    (Arc::new(observer), seen)
}

impl Seen {
    /// For a caller that expected something else.
    fn words(&self) -> String {
        match self {
            Self::Poll(_) => "a poll".to_owned(),
            Self::Given(_) => "an event".to_owned(),
            Self::Answer(..) => "an answer".to_owned(),
            Self::Failed(why) => format!("an error: {why}"),
        }
    }
}

/// A line such as `VmHWM:     5832 kB`.
fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_of_a_process() {
        let status = "Name:\tfloor\nVmPeak:\t   10 kB\nVmHWM:\t    5832 kB\nVmRSS:\t 1 kB\n";
        assert_eq!(kilobytes(status, "VmHWM:"), Some(5832));
        assert_eq!(kilobytes(status, "VmSwap:"), None);
    }

    #[test]
    fn a_clock_runs_while_its_process_works() {
        let clock = CpuClock::of(std::process::id()).unwrap();
        let before = clock.now().unwrap();
        let mut sum = 0_u64;
        while clock.now().unwrap().cpu == before.cpu {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(clock.now().unwrap().at > before.at);
    }

    #[test]
    fn a_process_is_measured_from_poll_to_poll() {
        let folder = tempfile::tempdir().unwrap();
        // A function that answers with its event.
        let script = r#"API="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
            while curl -s -D head -o event "$API/next"; do
                ID=$(tr -d '\r' < head | sed -n 's/^lambda-runtime-aws-request-id: //p')
                curl -s "$API/$ID/response" --data-binary @event
            done"#;
        let launch = Launch {
            command: ["sh", "-c", script].map(OsString::from).into(),
            env: vec![("PATH".to_owned(), std::env::var_os("PATH").unwrap())],
            folder: folder.path().to_owned(),
        };
        let clock = OnceLock::new();
        let log = folder.path().join("log");
        let (mut instance, start) = Instance::start(&launch, log, None, &clock).unwrap();
        assert!(start.cpu <= clock.get().unwrap().now().unwrap().cpu);
        for event in [r#"{"a":1}"#, r#"{"b":2}"#] {
            let invocation = instance.invoke(event).unwrap();
            assert_eq!(invocation.answer, event.as_bytes());
            assert!(invocation.answered.at < instance.polled().at);
        }
    }
}
