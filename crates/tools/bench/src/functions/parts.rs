//! The parts of a start and its first response: CPU time between events that are visible on the
//! wire.
//!
//! The binary is the same as everywhere else. Nothing is built into it, and no tracing slows it
//! down.

use std::io;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use super::case::Case;
use super::process::{ClockReading, CpuClock, Launch, MeasuredProcess};
use super::programs::{Program, Programs};
use super::rounds::Contender;
use super::wire::{Wire, WireEvent, WireMark};
use super::world::BenchServers;
use crate::stats;

/// The parts, each named by the event at its end.
pub(super) const PARTS: [&str; 10] = [
    "exec, dynamic linking, the runtime, the log",
    "configuration, the TLS connector, to the first connection",
    "to the ClientHello for Postgres",
    "TLS handshake with Postgres",
    "SCRAM",
    "the session's first words, to the poll",
    "to the ClientHello for S3",
    "TLS handshake with S3, and a signed request",
    "to the statement",
    "to the answer",
];

/// Milliseconds of CPU of each part; `None` if a function does not have the part.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) who: Program,
    pub(super) case: Case,
    pub(super) ms: [Option<f64>; PARTS.len()],
}

/// Starts each program `times` times.
pub(super) fn measure(
    programs: &Programs,
    world: &BenchServers,
    starting: impl Iterator<Item = Contender>,
    times: usize,
) -> io::Result<Vec<Parts>> {
    let mut all = Vec::new();
    for Contender { who, case } in starting {
        let mut samples = Vec::with_capacity(times);
        for _ in 0..times {
            samples.push(once(programs, world, who, case)?);
        }
        let mut ms = [None; PARTS.len()];
        for (part, ms) in ms.iter_mut().enumerate() {
            let values: Vec<f64> = samples.iter().filter_map(|sample| sample[part]).collect();
            *ms = stats::median(&values);
        }
        all.push(Parts { who, case, ms });
    }
    Ok(all)
}

fn once(
    programs: &Programs,
    world: &BenchServers,
    who: Program,
    case: Case,
) -> io::Result<[Option<f64>; PARTS.len()]> {
    world.reset()?;
    let clock = Arc::new(OnceLock::new());
    let (postgres, s3) = world.ports();
    let (postgres, s3) = (Wire::start(postgres, &clock)?, Wire::start(s3, &clock)?);
    let launch = programs.launch(who, case, world, (postgres.port(), s3.port()))?;
    // Only our functions have this mark; the baselines first search for credentials.
    let begins = matches!(who, Program::Slipway(_))
        .then(|| begins(&launch))
        .transpose()?;
    let (mut instance, polled) = start(&launch, world, &clock)?;
    let answered = instance.invoke(&case.event(world, 0))?;
    if !case.accepts(&answered.answer) {
        return Err(instance.error_with_log("no answer that counts"));
    }
    let marks = (postgres.marks(), s3.marks());
    Ok(differences(&moments(
        begins,
        polled,
        answered.answered,
        &marks.0,
        &marks.1,
    )))
}

fn start(
    launch: &Launch,
    world: &BenchServers,
    clock: &Arc<OnceLock<CpuClock>>,
) -> io::Result<(MeasuredProcess, ClockReading)> {
    let log = world.folder().join("log");
    let (instance, _) = MeasuredProcess::start(launch, log, None, clock)?;
    let polled = instance.polled();
    Ok((instance, polled))
}

/// CPU of a start that fails at the first missing variable.
fn begins(launch: &Launch) -> io::Result<Duration> {
    let used = || -> io::Result<Duration> {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
        let sum = usage.user_time() + usage.system_time();
        let micros = u64::try_from(sum.num_microseconds()).map_err(io::Error::other)?;
        Ok(Duration::from_micros(micros))
    };
    let before = used()?;
    let env = launch
        .env
        .iter()
        .filter(|(name, _)| name != "S3_BUCKET_NAME");
    let status = Command::new(&launch.command[0])
        .env_clear()
        .envs(env.map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if status.success() {
        return Err(io::Error::other("it starts without S3_BUCKET_NAME"));
    }
    Ok(used()?.saturating_sub(before))
}

/// The end of each part, by the CPU clock of the function.
fn moments(
    begins: Option<Duration>,
    polled: ClockReading,
    answered: ClockReading,
    postgres: &[WireMark],
    s3: &[WireMark],
) -> [Option<Duration>; PARTS.len()] {
    let (before, after) = (
        |mark: &&WireMark| mark.moment.at <= polled.at,
        |mark: &&WireMark| mark.moment.at > polled.at,
    );
    let cpu = |mark: Option<&WireMark>| mark.map(|mark| mark.moment.cpu);
    let says = |mark: &&WireMark| matches!(mark.what, WireEvent::ToServer | WireEvent::Hello);
    [
        begins,
        cpu(postgres
            .iter()
            .find(|mark| mark.what == WireEvent::Connected)),
        cpu(postgres.iter().find(|mark| mark.what == WireEvent::Hello)),
        cpu(finished(postgres)),
        cpu(postgres.iter().filter(before).rfind(says)),
        Some(polled.cpu),
        cpu(s3.iter().find(|mark| mark.what == WireEvent::Hello)),
        cpu(finished(s3)),
        cpu(postgres.iter().filter(after).find(says)),
        Some(answered.cpu),
    ]
}

/// The client's first message after the server's part of the handshake.
fn finished(marks: &[WireMark]) -> Option<&WireMark> {
    let hello = marks
        .iter()
        .position(|mark| mark.what == WireEvent::Hello)?;
    let answered = |mark: &WireMark| mark.what == WireEvent::ToClient;
    let answer = hello + marks[hello..].iter().position(answered)?;
    marks[answer..]
        .iter()
        .find(|mark| mark.what == WireEvent::ToServer)
}

/// The milliseconds between consecutive moments, in any order.
fn differences(moments: &[Option<Duration>; PARTS.len()]) -> [Option<f64>; PARTS.len()] {
    moments.map(|moment| {
        let moment = moment?;
        let earlier = moments.iter().flatten().filter(|other| **other < moment);
        let before = earlier.max().copied().unwrap_or_default();
        Some(moment.saturating_sub(before).as_secs_f64() * 1e3)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn parts_are_the_time_since_the_part_before() {
        let ms = |ms: u64| Some(Duration::from_millis(ms));
        // A delete: the statement comes before S3.
        let mut moments = [None; PARTS.len()];
        (moments[1], moments[5], moments[6], moments[8], moments[9]) =
            (ms(2), ms(5), ms(9), ms(6), ms(12));
        let parts = differences(&moments);
        assert_eq!(
            (parts[1], parts[5], parts[8]),
            (Some(2.0), Some(3.0), Some(1.0))
        );
        assert_eq!((parts[6], parts[9], parts[0]), (Some(3.0), Some(3.0), None));
        let sum: f64 = parts.iter().flatten().sum();
        assert!((sum - 12.0).abs() < 1e-9);
    }

    #[test]
    fn the_end_of_a_handshake() {
        let at = Instant::now();
        let mark = |what, ms| WireMark {
            what,
            moment: ClockReading {
                at,
                cpu: Duration::from_millis(ms),
            },
        };
        let marks = [
            mark(WireEvent::Connected, 1),
            mark(WireEvent::ToServer, 2),
            mark(WireEvent::ToClient, 3),
            mark(WireEvent::Hello, 4),
            mark(WireEvent::ToClient, 5),
            mark(WireEvent::ToServer, 6),
            mark(WireEvent::ToServer, 7),
        ];
        let found = finished(&marks).map(|mark| mark.moment.cpu);
        assert_eq!(found, Some(Duration::from_millis(6)));
        assert!(finished(&marks[..4]).is_none());
    }
}
