//! `cargo dev bench functions`: starts and invokes built functions as Lambda does, next to their
//! baselines.

mod bar;
mod baselines;
mod case;
mod cost;
mod parts;
mod plot;
mod process;
mod programs;
mod quota;
mod report;
mod results;
mod rounds;
mod wire;
mod world;

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;

use case::Case;
use programs::{Program, Programs};
use quota::Quota;
use results::Results;
use rounds::{Contender, WARM_UP, sample};
use world::BenchServers;

use crate::{document, root, say};

/// Requests under a CPU quota, which are slow.
const QUOTA_REQUESTS: usize = 20;

/// The options of `cargo dev bench functions`.
#[derive(Clone, Debug, Args)]
pub(crate) struct FunctionsOptions {
    /// Starts of every program with one request each
    #[arg(long, default_value_t = 20, value_name = "N")]
    starts: usize,
    /// Starts with many requests after the first
    #[arg(long, default_value_t = 8, value_name = "N")]
    rounds: usize,
    /// The number of those requests with a pause before each, and again without pauses
    #[arg(long, default_value_t = 300, value_name = "N")]
    requests: usize,
    /// Rounds with the CPU of a 128 MB function; 0 leaves them out
    #[arg(long, default_value_t = 3, value_name = "N")]
    quota: usize,
    /// Two minutes instead of fifteen: 5 starts, 2 rounds of 100 requests, 1 under the quota
    #[arg(long)]
    quick: bool,
    /// A folder with our functions as `cargo lambda build` or `sam build` writes them, instead of
    /// building them; may be repeated to compare builds
    #[arg(long, value_name = "DIR")]
    binaries: Vec<PathBuf>,
    /// Leave out a baseline; may be repeated
    #[arg(long, value_enum, value_name = "WHO")]
    without: Vec<Program>,
    /// Measure only this case of our functions and the baselines; may be repeated
    #[arg(long, value_enum, value_name = "CASE")]
    only: Vec<Case>,
    /// Write docs/performance.md and its plots too
    #[arg(long)]
    write: bool,
    /// The machine's load before the measurement
    #[arg(skip)]
    busy: f64,
}

impl FunctionsOptions {
    fn settled(&self) -> Self {
        let mut options = self.clone();
        if self.quick {
            (options.starts, options.rounds, options.requests) = (5, 2, 100);
            options.quota = self.quota.min(1);
        }
        options
    }
}

/// Measures, prints the report, and writes the document if requested.
pub(crate) fn run(options: &FunctionsOptions) -> io::Result<()> {
    let mut options = options.settled();
    if options.write && !(options.without.is_empty() && options.only.is_empty()) {
        let what = "--write needs all programs and cases: the tables would lack some";
        return Err(io::Error::other(what));
    }
    for who in &options.without {
        say(&format!("LEFT OUT, as asked: {who:?}"));
    }
    if !options.only.is_empty() {
        say(&format!("LEFT OUT, as asked: all but {:?}", options.only));
    }
    let programs = Programs::prepare(&options.binaries, &options.without)?;
    say("starting Postgres and S3");
    let world = BenchServers::start(2 * options.requests.max(QUOTA_REQUESTS) + WARM_UP + 1)?;
    options.busy = load();
    let all = contenders(programs.builds(), &options);
    let mut results = Results::new(all);
    // The first round reads programs from the disk, so it is not counted.
    results.round(|contender| sample(&programs, &world, contender, 0, None))?;
    results.forget();
    for round in 0..options.starts {
        say(&format!("start {} of {}", round + 1, options.starts));
        results.round(|contender| sample(&programs, &world, contender, 0, None))?;
    }
    for round in 0..options.rounds {
        say(&format!("round {} of {}", round + 1, options.rounds));
        results.round(|contender| sample(&programs, &world, contender, options.requests, None))?;
    }
    let quota = under_quota(&options, &programs, &world)?;
    say("the parts of a start");
    // The functions with a database, whose parts differ on the wire.
    let starting = contenders(programs.builds(), &options)
        .into_iter()
        .filter(|one| matches!(one.who, Program::Slipway(_) | Program::Rust))
        .filter(|one| matches!(one.case, Case::Files | Case::Save | Case::Delete));
    let parts = parts::measure(&programs, &world, starting, options.starts.max(5))?;
    let files = results.sizes(&programs)?;
    let text = report::write(&options, &results, &files, quota.as_ref(), &parts)?;
    writeln!(io::stdout(), "{text}")?;
    if options.write {
        let folder = root().join("docs/performance");
        fs::create_dir_all(&folder)?;
        for (name, svg) in plot::all(&results) {
            fs::write(folder.join(name), svg)?;
        }
        document::write(&root(), "functions", &text)?;
    }
    Ok(())
}

/// The average number of running or waiting tasks in the last minute.
fn load() -> f64 {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ')
        .next()
        .and_then(|load| load.parse().ok())
        .unwrap_or_default()
}

/// The floor first, then every program with every case.
fn contenders(builds: usize, options: &FunctionsOptions) -> Vec<Contender> {
    let mut all = vec![Contender {
        who: Program::Floor,
        case: Case::Presign,
    }];
    for build in 0..builds {
        let ours = Case::SHARED.into_iter().chain([Case::Look]);
        let who = Program::Slipway(build);
        all.extend(ours.map(|case| Contender { who, case }));
    }
    for who in [Program::Rust, Program::Node, Program::Python] {
        if !options.without.contains(&who) {
            all.extend(Case::SHARED.map(|case| Contender { who, case }));
        }
    }
    all.retain(|one| {
        one.who == Program::Floor || options.only.is_empty() || options.only.contains(&one.case)
    });
    all
}

/// The same with a fourteenth of a core, for the cheapest and the most expensive case.
fn under_quota(
    options: &FunctionsOptions,
    programs: &Programs,
    world: &BenchServers,
) -> io::Result<Option<Results>> {
    if options.quota == 0 {
        say("LEFT OUT, as asked: the rounds under a CPU quota");
        return Ok(None);
    }
    if let Err(error) = Quota::of_megabytes(128) {
        say(&format!(
            "LEFT OUT: the rounds under a CPU quota, which this machine does not let us set: {error}"
        ));
        return Ok(None);
    }
    let all = contenders(1, options).into_iter();
    let some = all.filter(|contender| matches!(contender.case, Case::Presign | Case::Save));
    let some: Vec<_> = some.collect();
    if some.iter().all(|contender| contender.who == Program::Floor) {
        say("LEFT OUT: the rounds under a CPU quota, which are for presign and save-metadata");
        return Ok(None);
    }
    let mut results = Results::new(some);
    for round in 0..options.quota {
        say(&format!(
            "under a quota, round {} of {}",
            round + 1,
            options.quota
        ));
        results.round(|contender| {
            let quota = Quota::of_megabytes(128)?;
            sample(programs, world, contender, QUOTA_REQUESTS, Some(&quota))
        })?;
    }
    Ok(Some(results))
}
