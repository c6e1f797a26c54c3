//! `notify replay`: makes old events due again, by hand.

use std::time::Duration;

use slipway_core::Error;
use slipway_core::env::{ConfigError, Environment};
use slipway_db::{Config, Db};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

const USAGE: &str = "\
usage: notify replay --since TIME [--all] [--apply]

Makes events that failed due again. They keep their ids.

  --since TIME  Only events from TIME on: 2026-11-27T12:00:00Z, or 90m, 6h or 2d ago
  --all         Also events that the application has accepted or stopped with 410
  --apply       Without it, the events are only counted";

/// The options of `replay`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay {
    since: OffsetDateTime,
    all: bool,
    apply: bool,
}

impl Replay {
    /// Parses the arguments of the command.
    pub fn parse(arguments: &[String]) -> Result<Self, ConfigError> {
        Self::parsed(arguments, OffsetDateTime::now_utc())
            .ok_or_else(|| ConfigError::new("arguments", format!("are not understood\n\n{USAGE}")))
    }

    fn parsed(arguments: &[String], now: OffsetDateTime) -> Option<Self> {
        let mut arguments = arguments.iter().map(String::as_str);
        if arguments.next() != Some("replay") {
            return None;
        }
        let (mut since, mut all, mut apply) = (None, false, false);
        while let Some(argument) = arguments.next() {
            match argument {
                "--since" => since = Some(time(arguments.next()?, now)?),
                "--all" => all = true,
                "--apply" => apply = true,
                _ => since = Some(time(argument.strip_prefix("--since=")?, now)?),
            }
        }
        Some(Self {
            since: since?,
            all,
            apply,
        })
    }

    /// Counts the events, or makes them due. Returns what to print.
    pub async fn run(&self, env: &Environment) -> Result<String, Error> {
        let db = Config::from_env(env).and_then(Db::new);
        let db = db.map_err(|error| Error::invalid_request(error.to_string()))?;
        let events = db.replay_events(self.since, self.all, self.apply).await?;
        Ok(match (events, self.apply) {
            (0, _) => "no events".to_owned(),
            (events, false) => format!("{events} events would be sent again: repeat with --apply"),
            (events, true) => format!(
                "{events} events are due. The next change of a file wakes notify, or invoke it: \
                 aws lambda invoke --function-name NOTIFY --payload '{{}}' /dev/stdout"
            ),
        })
    }
}

/// A time, or how long ago it was.
fn time(text: &str, now: OffsetDateTime) -> Option<OffsetDateTime> {
    if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
        return Some(time);
    }
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let minutes: u64 = match unit {
        "m" => 1,
        "h" => 60,
        "d" => 24 * 60,
        _ => return None,
    };
    let seconds = number.parse::<u32>().ok().map(u64::from)? * minutes * 60;
    now.checked_sub(Duration::from_secs(seconds).try_into().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let now = time::macros::datetime!(2026-11-27 12:00 UTC);
        let parsed = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            Replay::parsed(&words, now)
        };
        let replay = |since, all, apply| Some(Replay { since, all, apply });
        let noon = now - Duration::from_hours(2);
        assert_eq!(parsed("replay --since 2h"), replay(noon, false, false));
        assert_eq!(
            parsed("replay --apply --since=120m --all"),
            replay(noon, true, true)
        );
        assert_eq!(
            parsed("replay --since 2026-11-27T12:00:00+02:00"),
            replay(noon, false, false)
        );
        assert_eq!(
            parsed("replay --since 1d").map(|one| now - one.since),
            Some(time::Duration::DAY)
        );
        for bad in [
            "replay",
            "replay --since",
            "replay --since yesterday",
            "replay --since -1h",
            "replay --since 4294967295d",
            "replay --since 1h --force",
            "deliver --since 1h",
            "--since 1h",
        ] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }
}
