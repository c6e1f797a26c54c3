//! Random histories of steps in any order, compared with a simple model of the rules.
//!
//! Two users presign, upload, overwrite, confirm, rename, delete and upload again. Events are lost,
//! duplicated, late and reordered. Objects vanish, a scanner tags some, seconds and days pass, and
//! `maintain` runs in between. [`model`] has the expected response to each call and the expected
//! table after it. [`play`] runs both, and [`check`] compares them.
//!
//! Each change of a row has exactly one webhook event, which has the file as the change left it
//! ([`events`]). `preview` gets the events of S3 in another order than `record-upload`. A preview is
//! of the bytes that its row describes after every step, and in the end every picture has one and
//! every other file a reason ([`previews`]).
//!
//! To test the test, each of these bugs was introduced once. Each was found, and shrunk to a
//! history of so many steps.
//!
//! | bug | steps |
//! |---|---|
//! | the record statement does not check for a tombstone | 5 |
//! | it does not treat a later Last-Modified as newer | 4 |
//! | it does not change the usage on an overwrite | 3 |
//! | of two uploads within one second, the first is kept | 4 |
//! | a delete does not lower the usage | 3 |
//! | a refused or deleted object is not removed from S3 | 2 |
//! | `maintain` drops tombstones of any age | 1 |
//! | `save-metadata` does not check the owner of the key | 2 |
//! | the list does not filter by user, and row-level security is off | 1 |
//! | a live file is refused because a limit was lowered later | 8 |
//! | maintenance refuses files that were accepted before the table was lost | 7 |
//!
//! `SLIPWAY_SEED` repeats the histories of a seed. `SLIPWAY_HISTORIES` sets their number.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, and prints its history"
)]

#[path = "disorder/arrivals.rs"]
mod arrivals;
#[path = "disorder/calls.rs"]
mod calls;
#[path = "disorder/check.rs"]
mod check;
#[path = "disorder/content.rs"]
mod content;
#[path = "disorder/deployment.rs"]
mod deployment;
#[path = "disorder/events.rs"]
mod events;
#[path = "disorder/history.rs"]
mod history;
#[path = "disorder/limits.rs"]
mod limits;
#[path = "disorder/model.rs"]
mod model;
#[path = "disorder/play.rs"]
mod play;
#[path = "disorder/previews.rs"]
mod previews;
#[path = "disorder/upkeep.rs"]
mod upkeep;
#[path = "disorder/wrap.rs"]
mod wrap;

#[expect(dead_code, reason = "other test targets use the rest")]
mod spec;
#[expect(dead_code, unused_imports, reason = "other test targets use the rest")]
mod world;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use deployment::Deployment;
use history::histories;

/// Histories of one seed.
const BATCH: u64 = 20;
/// The number of histories of a normal run, unless the time is up before.
const HISTORIES: u64 = 3000;
/// A run with fewer histories fails. A busy machine still plays far more.
const FEWEST: u64 = 100;
const TIME: Duration = Duration::from_secs(90);
/// The number of threads, each with a deployment of its own. Postgres needs processors too.
const THREADS: usize = 3;

/// The state that the threads share.
struct Run {
    seed: u64,
    histories: u64,
    /// The end of a run whose number of histories is not set by `SLIPWAY_HISTORIES`.
    until: Option<Instant>,
    batches: AtomicU64,
    played: AtomicU64,
    failed: AtomicBool,
}

#[test]
fn slow_histories_agree_with_the_model() {
    let asked = number("SLIPWAY_HISTORIES");
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let run = Run {
        seed: number("SLIPWAY_SEED").unwrap_or(clock.unwrap().as_secs()),
        histories: asked.unwrap_or(HISTORIES),
        until: asked.is_none().then(|| Instant::now() + TIME),
        batches: AtomicU64::new(0),
        played: AtomicU64::new(0),
        failed: AtomicBool::new(false),
    };
    eprintln!("SLIPWAY_SEED={}", run.seed);
    let began = Instant::now();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| run.work());
        }
    });
    let played = run.played.load(Ordering::Relaxed);
    eprintln!(
        "{played} histories in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    assert!(
        played >= FEWEST.min(run.histories),
        "only {played} histories"
    );
}

impl Run {
    fn work(&self) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let open = runtime.block_on(Deployment::new(false));
        let gated = runtime.block_on(Deployment::new(true));
        while !self.failed.load(Ordering::Relaxed)
            && self.until.is_none_or(|end| Instant::now() < end)
        {
            let batch = self.batches.fetch_add(1, Ordering::Relaxed);
            if batch * BATCH >= self.histories {
                break;
            }
            let seed = self.seed.wrapping_add(batch);
            let cases = BATCH.min(self.histories - batch * BATCH);
            let mut runner = TestRunner::new_with_rng(config(cases), rng(seed));
            let result = runner.run(&histories(), |history| {
                let deployment = if history.gated { &gated } else { &open };
                let played = runtime.block_on(Box::pin(play::play(deployment, &history)));
                played.map_err(TestCaseError::fail)
            });
            self.played.fetch_add(cases, Ordering::Relaxed);
            if let Err(error) = result {
                self.failed.store(true, Ordering::Relaxed);
                panic!("{error}\nagain: SLIPWAY_SEED={seed} SLIPWAY_HISTORIES={BATCH}");
            }
        }
    }
}

fn config(cases: u64) -> Config {
    Config {
        cases: u32::try_from(cases).unwrap(),
        // The seed is printed. A failure that is found becomes a test of its own.
        failure_persistence: None,
        max_shrink_iters: 3000,
        ..Config::default()
    }
}

fn rng(seed: u64) -> TestRng {
    let bytes = seed.to_le_bytes().repeat(4);
    TestRng::from_seed(RngAlgorithm::ChaCha, &bytes)
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("a whole number"))
}
