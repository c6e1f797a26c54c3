//! One fault against one function: what came of it, and whether a retry and `maintain` put everything right.

use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use slipway_emulators::lambda::Outcome;

use crate::audit;
use crate::fault::Fault;
use crate::function::{Function, Kind, Verdict};
use crate::server::{Server, busy};
use crate::steps::Hold;
use crate::world::{AMPLE, World};

/// How many worlds there are at once for the crashes of one function.
const CRASHES_AT_ONCE: usize = 4;

/// What is written into the matrix.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// Without times, which differ from run to run.
    pub(crate) word: String,
    /// How long the first answer took, and what else there is to tell.
    pub(crate) note: String,
    /// What must not be.
    pub(crate) wrong: Option<String>,
}

impl Cell {
    /// A cell of which nothing came.
    pub(crate) fn broken(wrong: String) -> Self {
        Self {
            word: String::new(),
            note: String::new(),
            wrong: Some(wrong),
        }
    }
}

/// Has `function` meet `fault`.
pub(crate) async fn run(fault: Fault, function: &'static Function, server: &Server) -> Cell {
    if fault == Fault::Killed {
        return killed(function, server).await;
    }
    let mut world = World::new(function, server).await;
    let (outcome, took) = fault.meet(&mut world).await;
    let mut cell = finish(world, &outcome, took).await;
    if fault == Fault::FrozenDuring && function.postgres && !function.migrates {
        cell.word = late_or_not(function, cell.word);
    }
    cell
}

/// The clock runs for whoever is frozen: on a busy machine, which thaws it late, a statement's time may be over by
/// then. Both outcomes are agreed, and no third.
fn late_or_not(function: &Function, word: String) -> String {
    let late = match function.kind {
        Kind::Http => "504 timeout, then ok",
        Kind::Sqs | Kind::Event => "redelivered, then ok",
    };
    if word == "ok" || word == late {
        format!("ok; or {late}")
    } else {
        word
    }
}

/// Judges the first answer, tries again where that is due, and audits.
pub(crate) async fn finish(mut world: World, first: &Outcome, took: Duration) -> Cell {
    let mut said = String::new();
    let result = settle(&mut world, first, &mut said).await;
    let wrong = result
        .err()
        .map(|wrong| format!("{wrong}\n{}", world.log()));
    Cell {
        word: said,
        note: format!("{:.1} s", took.as_secs_f64()),
        wrong,
    }
}

async fn settle(world: &mut World, first: &Outcome, said: &mut String) -> Result<(), String> {
    let verdict = world.function.judge(first, false);
    let _busy = busy().await;
    world.heal().await;
    audit::usage(world).await?;
    match verdict {
        Verdict::Done(done) => *said = done,
        Verdict::Refused(refused) => {
            let again = retry(world).await?;
            *said = format!("{refused}, then {again}");
        }
        Verdict::Wrong(wrong) => {
            said.clone_from(&wrong);
            return Err(wrong);
        }
    }
    audit::everything(world).await
}

/// The same event again, as a client, SQS or Lambda sends it.
async fn retry(world: &World) -> Result<String, String> {
    let outcome = world.invoke(AMPLE).await;
    match world.function.judge(&outcome, true) {
        Verdict::Done(done) => Ok(done),
        _ => Err(format!("the retry did not succeed: {outcome:?}")),
    }
}

/// Kills it at each of its steps, in a world for each, and gives its event to a fresh process.
async fn killed(function: &'static Function, server: &Server) -> Cell {
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
        word: "redelivered, then ok".to_owned(),
        note: format!("{} steps", steps.len() + 1),
        wrong,
    }
}

/// Killed when the event has arrived (0), or at a step.
async fn crash(function: &'static Function, server: &Server, at: usize) -> Result<(), String> {
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
            // What goes on side by side may take fewer steps this time.
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
    audit::everything(world).await
}
