//! Rounds: each round runs every program once, one after another, so that a disturbance of the
//! machine affects all of them.

use std::io;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use super::case::Case;
use super::process::MeasuredProcess;
use super::programs::{Program, Programs};
use super::quota::Quota;
use super::world::BenchServers;
use crate::stats;

/// Requests before the measured warm requests.
pub(super) const WARM_UP: usize = 30;

/// The pause before each request. Lambda freezes an environment after its response, so it resumes
/// with cold caches.
const PAUSE: Duration = Duration::from_millis(2);

/// A program and the request that it gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Contender {
    pub(super) who: Program,
    pub(super) case: Case,
}

/// The cost of one start, and of the requests after it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    /// From the spawn to the first poll, in milliseconds.
    pub(super) poll_ms: f64,
    /// CPU until the first poll.
    pub(super) poll_cpu_ms: f64,
    /// The first invocation.
    pub(super) first_ms: f64,
    /// CPU of both.
    pub(super) first_cpu_ms: f64,
    pub(super) warm: Option<Warm>,
}

/// The cost of warm requests.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Warm {
    /// With a pause before each.
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) cpu_us: f64,
    /// Without pauses.
    pub(super) mean_us: f64,
    pub(super) busy_cpu_us: f64,
    pub(super) per_second: f64,
    pub(super) rss_mb: f64,
}

/// Starts `contender`, sends one request, then `warm` requests with pauses and as many without.
pub(super) fn sample(
    programs: &Programs,
    world: &BenchServers,
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
        MeasuredProcess::start(&launch, world.folder().join("log"), quota, &OnceLock::new())?;
    let mut at = 0;
    let mut ask = |instance: &mut MeasuredProcess| {
        let invocation = instance.invoke(&case.event(world, at))?;
        at += 1;
        if who != Program::Floor && !case.accepts(&invocation.answer) {
            let answer = String::from_utf8_lossy(&invocation.answer);
            return Err(instance.error_with_log(&format!("{contender:?} answers {answer:.400}")));
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
    // Under a quota, warm-up would only help programs with a JIT compiler, and would take minutes.
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

/// The number of requests.
fn count(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// In MiB.
pub(super) fn megabytes(bytes: u64) -> f64 {
    u32::try_from(bytes / 1024).map_or(f64::MAX, f64::from) / 1024.0
}
