//! The cost of a signed URL: the arithmetic alone, our signer, `aws-sigv4` used directly, and the
//! SDK's presigner.
//!
//! All must make the same URLs, which is checked before anything is measured. `cargo dev bench
//! signer` runs this and writes the table.

#![expect(
    clippy::expect_used,
    reason = "a benchmark without valid input must fail at once"
)]

mod cpu;
mod sdk;
mod sigv4;

use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

use cpu::ThreadCpu;
use slipway_bench_signer::cases::{self, Case, Keys};
use slipway_bench_signer::{floor, ours};

fn signing(criterion: &mut Criterion<ThreadCpu>) {
    for (session, keys) in [("plain", Keys::plain()), ("token", Keys::with_token())] {
        for case in cases::all() {
            measure(criterion, session, &keys, &case);
        }
    }
}

fn measure(criterion: &mut Criterion<ThreadCpu>, session: &str, keys: &Keys, case: &Case) {
    let ours = ours::Ours::new(keys);
    let floor = floor::Floor::new(keys, &case.jobs);
    let sigv4 = sigv4::Sigv4::new(keys);
    let sdk = sdk::Sdk::new(keys);
    // A contender that makes another URL does other work.
    for (at, job) in case.jobs.iter().enumerate().step_by(97) {
        let url = ours.sign(job);
        assert_eq!(url, sigv4.sign(job), "aws-sigv4 differs");
        if job.is_made_by_sdk() {
            assert_eq!(url, sdk.sign(job), "the SDK differs");
        }
        assert!(url.contains(&floor.signature(at)), "the floor hashes else");
    }

    let mut group = criterion.benchmark_group(format!("{}-{session}", case.name));
    group.throughput(Throughput::Elements(case.jobs.len() as u64));
    if case.jobs.len() > 10 {
        group.sampling_mode(SamplingMode::Flat).sample_size(10);
    }
    group.bench_function("floor", |it| it.iter(|| floor.all()));
    group.bench_function("signer", |it| it.iter(|| case.each(|job| ours.sign(job))));
    group.bench_function("function", |it| {
        it.iter(|| case.each(|job| ours.as_functions_do(job)));
    });
    group.bench_function("sigv4", |it| it.iter(|| case.each(|job| sigv4.sign(job))));
    group.bench_function("sdk", |it| it.iter(|| case.each(|job| sdk.sign(job))));
    group.finish();
}

fn quick() -> Criterion<ThreadCpu> {
    Criterion::default()
        .with_measurement(ThreadCpu)
        .sample_size(30)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1500))
}

criterion_group!(name = benches; config = quick(); targets = signing);
criterion_main!(benches);
