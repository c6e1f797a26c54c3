//! The Lambda handler: the options in an event, one run, and its counts as the response.

use std::time::{Duration, Instant};

use lambda_runtime::{LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::Value;
use slipway_core::{Code, Error, UserId};
use tracing::Instrument as _;

use crate::{Count, Deadline, Maintain, Options, Report, Task};

/// Counts of differences between bucket and table.
const FINDINGS: [Count; 5] = [
    Count::Recorded,
    Count::Refreshed,
    Count::Forgotten,
    Count::Refused,
    Count::Drifted,
];

/// The maximum of `shards`. More shards would only add checkpoints.
const MOST_SHARDS: u32 = 1000;

/// The options in an event. An event of a schedule has none of these fields and runs every task.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Event {
    task: Task,
    shard: Option<u32>,
    shards: Option<u32>,
    force: bool,
    dry_run: bool,
    every_hours: u32,
    /// The `sub` of a user, to delete all files of that user.
    erase: Option<String>,
}

impl Event {
    /// The options of the run. Fails if `shard` is not one of the `shards`.
    pub fn options(&self) -> Result<Options, Error> {
        let shards = self.shards.unwrap_or(1);
        if !(1..=MOST_SHARDS).contains(&shards) || self.shard.is_some_and(|shard| shard >= shards) {
            return Err(Error::invalid_request(format!(
                "shards must be from 1 to {MOST_SHARDS}, and shard from 0 to shards - 1."
            )));
        }
        Ok(Options {
            task: self.task,
            apply: !self.dry_run,
            force: self.force,
            shards,
            shard: self.shard,
            every: Duration::from_secs(u64::from(self.every_hours) * 3600),
            ..Options::default()
        })
    }

    fn user(&self) -> Result<Option<UserId>, Error> {
        let parse = |user| {
            UserId::parse(user)
                .ok_or_else(|| Error::invalid_request("erase must be the sub of a user."))
        };
        self.erase.clone().map(parse).transpose()
    }
}

impl Maintain {
    /// Serves invocations until Lambda ends the environment.
    pub async fn serve(&self) -> Result<(), lambda_runtime::Error> {
        lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
            self.handle(event).await
        }))
        .await
    }

    /// Handles one invocation. Fails if the run had failures or needs an operator, so that the
    /// alarm on errors fires.
    pub async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, lambda_runtime::Error> {
        let span = tracing::error_span!(
            "maintain",
            requestId = event.context.request_id,
            traceId = event.context.xray_trace_id,
        );
        self.handled(event).instrument(span).await
    }

    async fn handled(&self, event: LambdaEvent<Value>) -> Result<Value, lambda_runtime::Error> {
        let asked: Event = if event.payload.is_object() {
            serde_json::from_value(event.payload)?
        } else {
            Event::default()
        };
        let options = asked.options()?;
        let report = Report::default();
        let started = Instant::now();
        let deadline = Deadline::of(&event.context);
        let user = asked.user()?;
        let work = async {
            match &user {
                Some(user) => Box::pin(self.erase(user, options.apply, deadline, &report)).await,
                None => Box::pin(self.run(&options, deadline, &report)).await,
            }
        };
        // A run may be dropped at any point. The next one continues at its checkpoint.
        let Some(summary) = Deadline::last_of(&event.context).limit(work).await else {
            return Err(Error::timeout("the run was held up until its deadline").into());
        };
        let numbers = summary.to_json(&report);
        if let Some(cause) = &summary.stopped {
            let code = summary.code.map(Code::as_str);
            tracing::error!(code, cause, "stopped");
        }
        let counted = |counts: &[Count]| {
            let sum: u64 = counts.iter().map(|count| report.get(*count)).sum();
            (sum > 0 && options.apply).then_some(sum)
        };
        tracing::info!(
            durationMs = started.elapsed().as_secs_f64() * 1000.0,
            ok = summary.is_ok(),
            json.numbers = numbers.to_string(),
            metric.DeletesFinished = counted(&[Count::Removed]),
            metric.ReconcileFindings = counted(&FINDINGS),
            metric.MaintainFailed = counted(&[Count::Failed]),
            "maintained"
        );
        if summary.is_ok() {
            Ok(numbers)
        } else {
            Err(format!("something failed or wants --force: {numbers}").into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn options(event: Value) -> Option<Options> {
        let event: Event = serde_json::from_value(event).ok()?;
        event.options().ok()
    }

    #[test]
    fn a_schedules_own_event_means_everything() {
        let event =
            json!({ "source": "aws.events", "detail-type": "Scheduled Event", "detail": {} });
        let all = options(event).expect("understood");
        assert_eq!((all.task, all.shards, all.shard), (Task::All, 1, None));
        assert!(all.apply && !all.force && !all.rebuild);
    }

    #[test]
    fn a_shard_is_one_of_its_shards() {
        let one = options(json!({ "task": "reconcile", "shard": 3, "shards": 4, "force": true }));
        let one = one.expect("understood");
        assert_eq!(
            (one.task, one.shards, one.shard),
            (Task::Reconcile, 4, Some(3))
        );
        assert!(one.force);
        for bad in [
            json!({ "shard": 1 }),
            json!({ "shard": 4, "shards": 4 }),
            json!({ "shards": 0 }),
            json!({ "shards": 100_000 }),
            json!({ "shard": -1, "shards": 4 }),
            json!({ "task": "rebuild" }),
        ] {
            assert!(options(bad.clone()).is_none(), "{bad}");
        }
    }
}
