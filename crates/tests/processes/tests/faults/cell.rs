//! One fault against one function: the outcome, and whether a retry and `maintain` repair
//! everything.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use slipway_emulators::lambda::InvocationResult;

use crate::application;
use crate::audit;
use crate::fault::Fault;
use crate::function::{CallerKind, FaultyFunction, Verdict};
use crate::server::{Server, busy};
use crate::steps::Hold;
use crate::world::{AMPLE, World};

/// How many worlds run at the same time for the crashes of one function.
const CRASHES_AT_ONCE: usize = 4;

/// A cell of the matrix.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// The outcome, without times, which differ from run to run.
    pub(crate) outcome: String,
    /// The time of the first response, and other remarks.
    pub(crate) note: String,
    /// A violation of the rules, if there is one.
    pub(crate) wrong: Option<String>,
}

impl Cell {
    /// A cell without an outcome.
    pub(crate) fn broken(wrong: String) -> Self {
        Self {
            outcome: String::new(),
            note: String::new(),
            wrong: Some(wrong),
        }
    }
}

/// Runs `function` with `fault`.
pub(crate) async fn run(fault: Fault, function: &'static FaultyFunction, server: &Server) -> Cell {
    if fault == Fault::Killed {
        return killed(function, server).await;
    }
    let mut world = World::new(function, server).await;
    let (outcome, took) = fault.run(&mut world).await;
    let mut cell = finish(world, &outcome, took).await;
    if fault == Fault::FrozenDuring && function.postgres && !function.migrates {
        cell.outcome = late_or_not(function, cell.outcome);
    }
    cell
}

/// A statement's timeout counts while the function is frozen. On a busy machine the function
/// resumes late, and the timeout may have passed. Both outcomes are accepted, and no third.
fn late_or_not(function: &FaultyFunction, outcome: String) -> String {
    let late = match function.kind {
        CallerKind::Http => "504 timeout, then ok",
        CallerKind::Sqs | CallerKind::Event => "redelivered, then ok",
    };
    if outcome == "ok" || outcome == late {
        format!("ok; or {late}")
    } else {
        outcome
    }
}

/// Judges the first response, retries where the caller would, and audits.
pub(crate) async fn finish(mut world: World, first: &InvocationResult, took: Duration) -> Cell {
    let mut said = String::new();
    let result = settle(&mut world, first, &mut said).await;
    let wrong = result
        .err()
        .map(|wrong| format!("{wrong}\n{}", world.log()));
    Cell {
        outcome: said,
        note: format!("{:.1} s", took.as_secs_f64()),
        wrong,
    }
}

async fn settle(
    world: &mut World,
    first: &InvocationResult,
    said: &mut String,
) -> Result<(), String> {
    let verdict = world.function.judge(first, false);
    let _busy = busy().await;
    world.heal().await;
    audit::usage(world).await?;
    match verdict {
        Verdict::Done(done) => {
            *said = done;
            if world.application.is_some() && !application::is_done(world).await {
                said.push_str(", delivered later");
            }
        }
        Verdict::Refused(refused) => {
            let again = retry(world).await?;
            *said = format!("{refused}, then {again}");
        }
        Verdict::Wrong(wrong) => {
            said.clone_from(&wrong);
            return Err(wrong);
        }
    }
    everything(world).await
}

/// Delivers the events of webhooks, if the function does, and audits.
async fn everything(world: &mut World) -> Result<(), String> {
    application::drain(world).await?;
    application::audit(world).await?;
    audit::everything(world).await
}

/// Sends the same event again, as a client, SQS or Lambda does.
async fn retry(world: &World) -> Result<String, String> {
    if world.application.is_some() {
        application::drain(world).await?;
        return Ok("ok".to_owned());
    }
    let outcome = world.invoke(AMPLE).await;
    match world.function.judge(&outcome, true) {
        Verdict::Done(done) => Ok(done),
        _ => Err(format!("the retry did not succeed: {outcome:?}")),
    }
}

/// Kills the function at each of its steps, in a world for each step, and sends the event to a new
/// process.
async fn killed(function: &'static FaultyFunction, server: &Server) -> Cell {
    let mut world = World::new(function, server).await;
    world.start_well().await;
    world.warm_up().await;
    world.steps.begin(None);
    let whole = world.invoke(AMPLE).await;
    let steps = world.steps.seen();
    let done = function.judge(&whole, false);
    world.end().await;
    let mut crashes = stream::iter(0..=steps.len())
        .map(|at| async move { (at, crash(function, server, at).await) })
        .buffer_unordered(CRASHES_AT_ONCE);
    let mut wrong = match done {
        Verdict::Done(_) => None,
        _ => Some(format!("without a fault: {whole:?}")),
    };
    while let Some((at, result)) = crashes.next().await {
        if let Err(problem) = result {
            let step = at.checked_sub(1).map_or("arrival", |at| steps[at].as_str());
            wrong = Some(format!("killed at step {at} ({step}): {problem}"));
        }
    }
    Cell {
        outcome: "redelivered, then ok".to_owned(),
        note: format!("{} steps", steps.len() + 1),
        wrong,
    }
}

/// Kills the function when the event has arrived (step 0), or at a later step.
async fn crash(
    function: &'static FaultyFunction,
    server: &Server,
    at: usize,
) -> Result<(), String> {
    let mut world = World::new(function, server).await;
    let busy = busy().await;
    world.start_well().await;
    world.warm_up().await;
    drop(busy);
    world.steps.begin((at > 0).then_some(Hold::At(at)));
    if at == 0 {
        world.signal(rustix::process::Signal::STOP);
    }
    let early = {
        let held = async {
            if at > 0 {
                world.steps.held().await;
            } else {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::select! {
            // Concurrent requests may take fewer steps this time.
            outcome = world.invoke(AMPLE) => Some(outcome),
            () = held => None,
        }
    };
    let result = match early {
        Some(outcome) => settle(&mut world, &outcome, &mut String::new()).await,
        None => recover(&mut world).await,
    };
    world.end().await;
    result
}

async fn recover(world: &mut World) -> Result<(), String> {
    world.kill().await;
    let _busy = busy().await;
    world.heal().await;
    audit::usage(world).await?;
    retry(world).await?;
    everything(world).await
}
