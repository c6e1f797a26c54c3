//! What a start and the first answer consist of: CPU by what can be seen from outside, on the wire.
//!
//! The same binary as everywhere else: nothing is built into it, and nobody slows it down by looking inside.

use std::io;
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;

use super::case::Case;
use super::process::{CpuClock, Instance, Launch, Moment};
use super::programs::{Programs, Who};
use super::rounds::Contender;
use super::wire::{Mark, What, Wire};
use super::world::World;
use crate::stats;

/// What ends at each moment that can be seen.
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

/// Milliseconds of CPU of each part; nothing where a function has no such part.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) who: Who,
    pub(super) case: Case,
    pub(super) ms: [Option<f64>; PARTS.len()],
}

/// Each starts `times` times.
pub(super) fn measure(
    programs: &Programs,
    world: &World,
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
    world: &World,
    who: Who,
    case: Case,
) -> io::Result<[Option<f64>; PARTS.len()]> {
    world.reset()?;
    let clock = Arc::new(OnceLock::new());
    let (postgres, s3) = world.ports();
    let (postgres, s3) = (Wire::start(postgres, &clock)?, Wire::start(s3, &clock)?);
    let launch = programs.launch(who, case, world, (postgres.port(), s3.port()))?;
    // Ours alone says so before it does anything; the tutorials' first look for credentials.
    let begins = matches!(who, Who::Slipway(_))
        .then(|| begins(&launch))
        .transpose()?;
    let (mut instance, polled) = start(&launch, world, &clock)?;
    let answered = instance.invoke(&case.event(world, 0))?;
    if !case.accepts(&answered.answer) {
        return Err(instance.complaint("no answer that counts"));
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
    world: &World,
    clock: &Arc<OnceLock<CpuClock>>,
) -> io::Result<(Instance, Moment)> {
    let log = world.folder().join("log");
    let (instance, _) = Instance::start(launch, log, None, clock)?;
    let polled = instance.polled();
    Ok((instance, polled))
}

/// CPU of a start that fails at the first thing that it is not told.
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

/// When each part ended, by the function's own clock.
fn moments(
    begins: Option<Duration>,
    polled: Moment,
    answered: Moment,
    postgres: &[Mark],
    s3: &[Mark],
) -> [Option<Duration>; PARTS.len()] {
    let (before, after) = (
        |mark: &&Mark| mark.moment.at <= polled.at,
        |mark: &&Mark| mark.moment.at > polled.at,
    );
    let cpu = |mark: Option<&Mark>| mark.map(|mark| mark.moment.cpu);
    let says = |mark: &&Mark| matches!(mark.what, What::ToServer | What::Hello);
    [
        begins,
        cpu(postgres.iter().find(|mark| mark.what == What::Connected)),
        cpu(postgres.iter().find(|mark| mark.what == What::Hello)),
        cpu(finished(postgres)),
        cpu(postgres.iter().filter(before).rfind(says)),
        Some(polled.cpu),
        cpu(s3.iter().find(|mark| mark.what == What::Hello)),
        cpu(finished(s3)),
        cpu(postgres.iter().filter(after).find(says)),
        Some(answered.cpu),
    ]
}

/// What the client says after the server's part of the handshake.
fn finished(marks: &[Mark]) -> Option<&Mark> {
    let hello = marks.iter().position(|mark| mark.what == What::Hello)?;
    let answered = |mark: &Mark| mark.what == What::ToClient;
    let answer = hello + marks[hello..].iter().position(answered)?;
    marks[answer..]
        .iter()
        .find(|mark| mark.what == What::ToServer)
}

/// From each moment the milliseconds since the one before it, whatever the order they came in.
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
        let mark = |what, ms| Mark {
            what,
            moment: Moment {
                at,
                cpu: Duration::from_millis(ms),
            },
        };
        let marks = [
            mark(What::Connected, 1),
            mark(What::ToServer, 2),
            mark(What::ToClient, 3),
            mark(What::Hello, 4),
            mark(What::ToClient, 5),
            mark(What::ToServer, 6),
            mark(What::ToServer, 7),
        ];
        let found = finished(&marks).map(|mark| mark.moment.cpu);
        assert_eq!(found, Some(Duration::from_millis(6)));
        assert!(finished(&marks[..4]).is_none());
    }
}
