//! Rounds: every program once in each, one after another, so that what disturbs the machine disturbs all of them.

use std::io;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use super::case::Case;
use super::process::Instance;
use super::programs::{Programs, Who};
use super::quota::Quota;
use super::world::World;
use crate::stats;

/// Requests before those that count as warm.
pub(super) const WARM_UP: usize = 30;

/// Before each request, since Lambda freezes what has answered: it wakes with caches that others have used.
const PAUSE: Duration = Duration::from_millis(2);

/// Who is asked what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Contender {
    pub(super) who: Who,
    pub(super) case: Case,
}

/// What one start, and the requests after it, took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    /// From the spawn to the first poll, in milliseconds.
    pub(super) poll_ms: f64,
    /// CPU until then.
    pub(super) poll_cpu_ms: f64,
    /// The first invocation.
    pub(super) first_ms: f64,
    /// CPU of both.
    pub(super) first_cpu_ms: f64,
    pub(super) warm: Option<Warm>,
}

/// What warm requests took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Warm {
    /// With a pause before each.
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) cpu_us: f64,
    /// Without.
    pub(super) mean_us: f64,
    pub(super) busy_cpu_us: f64,
    pub(super) per_second: f64,
    pub(super) rss_mb: f64,
}

/// Starts `contender`, asks it once, and then `warm` times with pauses and as often without.
pub(super) fn sample(
    programs: &Programs,
    world: &World,
    contender: Contender,
    warm: usize,
    quota: Option<&Quota>,
) -> io::Result<Sample> {
    let Contender { who, case } = contender;
    if matches!(case, Case::Save | Case::Look | Case::Delete) {
        world.reset()?;
    }
    let launch = programs.launch(who, case, world, world.ports())?;
    let (mut instance, start) =
        Instance::start(&launch, world.folder().join("log"), quota, &OnceLock::new())?;
    let mut at = 0;
    let mut ask = |instance: &mut Instance| {
        let invocation = instance.invoke(&case.event(world, at))?;
        at += 1;
        if who != Who::Floor && !case.accepts(&invocation.answer) {
            let answer = String::from_utf8_lossy(&invocation.answer);
            return Err(instance.complaint(&format!("{contender:?} answers {answer:.400}")));
        }
        Ok(invocation)
    };
    let first = ask(&mut instance)?;
    let mut sample = Sample {
        poll_ms: start.poll.as_secs_f64() * 1e3,
        poll_cpu_ms: start.cpu.as_secs_f64() * 1e3,
        first_ms: first.latency.as_secs_f64() * 1e3,
        first_cpu_ms: (start.cpu + first.cpu).as_secs_f64() * 1e3,
        warm: None,
    };
    if warm == 0 {
        return Ok(sample);
    }
    // Under a quota, only who needs it to be compiled while it runs would gain, and it would take minutes.
    for _ in 0..if quota.is_some() { 3 } else { WARM_UP } {
        ask(&mut instance)?;
    }
    let mut asked = |pause: Duration| -> io::Result<(Vec<f64>, f64)> {
        let (mut latencies, mut cpu) = (Vec::with_capacity(warm), 0.0);
        for _ in 0..warm {
            thread::sleep(pause);
            let invocation = ask(&mut instance)?;
            latencies.push(invocation.latency.as_secs_f64() * 1e6);
            cpu += invocation.cpu.as_secs_f64() * 1e6;
        }
        Ok((latencies, cpu / count(warm)))
    };
    let (latencies, cpu_us) = asked(PAUSE)?;
    let (busy, busy_cpu_us) = asked(Duration::ZERO)?;
    let mean_us = busy.iter().sum::<f64>() / count(warm);
    sample.warm = Some(Warm {
        p50_us: stats::percentile(&latencies, 50).unwrap_or_default(),
        p99_us: stats::percentile(&latencies, 99).unwrap_or_default(),
        cpu_us,
        mean_us,
        busy_cpu_us,
        per_second: 1e6 / mean_us,
        rss_mb: megabytes(instance.peak_rss()?),
    });
    Ok(sample)
}

/// How many.
fn count(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// In MiB.
pub(super) fn megabytes(bytes: u64) -> f64 {
    u32::try_from(bytes / 1024).map_or(f64::MAX, f64::from) / 1024.0
}
