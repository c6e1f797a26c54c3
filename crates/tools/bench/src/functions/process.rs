//! One execution environment: a process as Lambda starts it, and its use of time, CPU and memory.
//!
//! It polls the runtime API of `slipway_emulators`. The API reports each step before the process
//! gets its reply, and the clocks are read there. The API's own work therefore counts only in the
//! latency, equally for every program.

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
use slipway_emulators::lambda::{Queue, RuntimeApi, RuntimeObserver, RuntimeStep};
use tokio::runtime::{Builder, Runtime};

use super::quota::Quota;

/// The time limit of every step. Under a CPU quota, Python takes many seconds to start.
const STEP_TIMEOUT: Duration = Duration::from_secs(90);

/// The deadline in the event.
const DEADLINE: Duration = Duration::from_secs(29);

/// A time of the wall clock and of the process's CPU clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct ClockReading {
    pub(super) at: Instant,
    pub(super) cpu: Duration,
}

/// A step of the function, with the times before its reply.
#[derive(Debug)]
enum ObservedStep {
    /// It polls.
    Poll(ClockReading),
    /// It received the event.
    Given(ClockReading),
    /// It responded.
    Answer(ClockReading, Vec<u8>),
    /// It reported an error.
    Failed(String),
}

/// The command and the variables of a program. It inherits no other variables.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    pub(super) command: Vec<OsString>,
    pub(super) env: Vec<(String, OsString)>,
    pub(super) folder: PathBuf,
}

/// The CPU clock of a process: user and system time of all its threads, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct CpuClock(ClockId);

impl CpuClock {
    fn of(pid: u32) -> io::Result<Self> {
        let pid = i32::try_from(pid).map_err(io::Error::other)?;
        Ok(Self(ClockId::pid_cpu_clock_id(Pid::from_raw(pid))?))
    }

    pub(super) fn now(self) -> io::Result<ClockReading> {
        let cpu = Duration::from(self.0.now()?);
        let at = Instant::now();
        Ok(ClockReading { at, cpu })
    }
}

/// A running process.
#[derive(Debug)]
pub(super) struct MeasuredProcess {
    child: Child,
    queue: Arc<Queue>,
    steps: Receiver<ObservedStep>,
    _api: RuntimeApi,
    log: PathBuf,
    polled: ClockReading,
}

/// The cost of a start until the first poll.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    pub(super) poll: Duration,
    pub(super) cpu: Duration,
}

/// The cost of one invocation.
#[derive(Debug)]
pub(super) struct Invocation {
    /// From the delivery of the event to the response.
    pub(super) latency: Duration,
    /// From one poll to the next.
    pub(super) cpu: Duration,
    pub(super) answer: Vec<u8>,
    /// The time of the response.
    pub(super) answered: ClockReading,
}

impl MeasuredProcess {
    /// Starts it, and waits until it polls. `log` is overwritten with its output, and `clock` is
    /// set to its CPU clock.
    pub(super) fn start(
        launch: &Launch,
        log: PathBuf,
        quota: Option<&Quota>,
        clock: &OnceLock<CpuClock>,
    ) -> io::Result<(Self, Start)> {
        let (queue, own) = (Arc::<Queue>::default(), Arc::new(OnceLock::new()));
        let (observer, steps) = observer(&own);
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
        // The caller may read the clock as well.
        let _ = clock.set(watched);
        let mut instance = Self {
            child,
            queue,
            steps,
            _api: api,
            log,
            polled: ClockReading {
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

    /// Sends it `event`. Returns when it polls again.
    pub(super) fn invoke(&mut self, event: &str) -> io::Result<Invocation> {
        let before = self.polled;
        // The queue drops an event whose receiver is dropped.
        let _awaited = self.queue.push(event.to_owned(), DEADLINE);
        let given = match self.next()? {
            ObservedStep::Given(given) => given,
            other => {
                return Err(self.error_with_log(&format!("not given, but {}", other.description())));
            }
        };
        let (answered, answer) = match self.next()? {
            ObservedStep::Answer(answered, answer) => (answered, answer),
            other => {
                return Err(self.error_with_log(&format!("no answer, but {}", other.description())));
            }
        };
        let polled = self.poll()?;
        Ok(Invocation {
            latency: answered.at - given.at,
            cpu: polled.cpu.saturating_sub(before.cpu),
            answer,
            answered,
        })
    }

    /// The next step of the function.
    fn next(&self) -> io::Result<ObservedStep> {
        self.steps
            .recv_timeout(STEP_TIMEOUT)
            .map_err(|_| io::Error::other("the function is silent"))
    }

    fn poll(&mut self) -> io::Result<ClockReading> {
        match self.next() {
            Ok(ObservedStep::Poll(moment)) => {
                self.polled = moment;
                Ok(moment)
            }
            Ok(other) => Err(self.error_with_log(&format!("no poll, but {}", other.description()))),
            Err(error) => Err(self.error_with_log(&error.to_string())),
        }
    }

    /// The peak resident memory in bytes.
    pub(super) fn peak_rss(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        kilobytes(&status, "VmHWM:")
            .map(|kilobytes| kilobytes * 1024)
            .ok_or_else(|| io::Error::other("no VmHWM in /proc/PID/status"))
    }

    /// The time of the last poll.
    pub(super) fn polled(&self) -> ClockReading {
        self.polled
    }

    /// An error with `what` and the end of its log.
    pub(super) fn error_with_log(&self, what: &str) -> io::Error {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let skipped = log.lines().count().saturating_sub(20);
        let last: Vec<&str> = log.lines().skip(skipped).collect();
        io::Error::other(format!("{what}; its log ends with:\n{}", last.join("\n")))
    }
}

impl Drop for MeasuredProcess {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves the runtime APIs on one thread, apart from the measuring thread.
fn runtime() -> io::Result<&'static Runtime> {
    static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build()
    });
    RUNTIME
        .as_ref()
        .map_err(|error| io::Error::other(error.to_string()))
}

/// Reads the clocks at each step. A poll waits until the process's clock is known.
fn observer(clock: &Arc<OnceLock<CpuClock>>) -> (RuntimeObserver, Receiver<ObservedStep>) {
    let (sender, steps) = mpsc::channel();
    let clock = Arc::clone(clock);
    let observer = move |step: RuntimeStep<'_>| {
        let now = clock.wait().now();
        let failed = |what: &str, body: &[u8]| {
            ObservedStep::Failed(format!("{what}: {}", String::from_utf8_lossy(body)))
        };
        let steps = match (step, now) {
            (_, Err(error)) => ObservedStep::Failed(format!("its clock: {error}")),
            (RuntimeStep::Polled, Ok(now)) => ObservedStep::Poll(now),
            (RuntimeStep::Given, Ok(now)) => ObservedStep::Given(now),
            (RuntimeStep::Answered(body), Ok(now)) => ObservedStep::Answer(now, body.to_vec()),
            (RuntimeStep::Failed(body), Ok(_)) => failed("error", body),
            (RuntimeStep::NotStarted(body), Ok(_)) => failed("init/error", body),
        };
        // After the end of a round there is no receiver.
        let _ = sender.send(steps);
    };
    (Arc::new(observer), steps)
}

impl ObservedStep {
    /// A description, for an error about an unexpected step.
    fn description(&self) -> String {
        match self {
            Self::Poll(_) => "a poll".to_owned(),
            Self::Given(_) => "an event".to_owned(),
            Self::Answer(..) => "an answer".to_owned(),
            Self::Failed(why) => format!("an error: {why}"),
        }
    }
}

/// The value of a line such as `VmHWM:     5832 kB`.
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
        // A function that returns its event.
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
        let (mut instance, start) = MeasuredProcess::start(&launch, log, None, &clock).unwrap();
        assert!(start.cpu <= clock.get().unwrap().now().unwrap().cpu);
        for event in [r#"{"a":1}"#, r#"{"b":2}"#] {
            let invocation = instance.invoke(event).unwrap();
            assert_eq!(invocation.answer, event.as_bytes());
            assert!(invocation.answered.at < instance.polled().at);
        }
    }
}
