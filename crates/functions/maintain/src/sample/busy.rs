//! Estimates the number and distribution of an owner's files from the times in their ids.

use slipway_core::{Error, ObjectKey};
use slipway_s3::Bucket;
use time::OffsetDateTime;
use uuid::Uuid;

/// A period of time in milliseconds, with the keys listed in it and an estimate of the others.
struct Stretch {
    /// The last key listed in the period.
    last: String,
    /// The number of keys listed.
    known: usize,
    /// The time of the last key listed.
    listed_to: u64,
    /// The end of the period.
    to: u64,
    /// Keys per millisecond at the end of the page.
    rate: f64,
}

impl Stretch {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn expected(&self) -> f64 {
        self.rate * self.to.saturating_sub(self.listed_to) as f64
    }
}

/// Points for the keys that begin with `owner`. It reads up to `pages` pages, each from the middle
/// of the period with the highest estimate of unlisted keys.
pub(super) async fn estimate(
    bucket: &Bucket,
    owner: &str,
    page: u16,
    pages: usize,
) -> Result<Vec<(String, f64)>, Error> {
    let now = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000;
    let now = u64::try_from(now).unwrap_or_default();
    let first = read(bucket, owner, owner, now, page).await?;
    let mut stretches: Vec<Stretch> = first.into_iter().collect();
    for _ in 1..pages {
        let by_expected = |(_, a): &(usize, &Stretch), (_, b): &(usize, &Stretch)| {
            a.expected().total_cmp(&b.expected())
        };
        let Some((at, most)) = stretches.iter().enumerate().max_by(by_expected) else {
            break;
        };
        if most.expected() < 1.0 {
            break;
        }
        let middle = most.listed_to + (most.to - most.listed_to) / 2;
        let (to, after) = (most.to, format!("{owner}{}", id_at(middle)));
        let next = read(bucket, owner, &after, to, page).await?;
        let half = &mut stretches[at];
        half.to = middle;
        // An empty second half means that the first half has fewer keys than its page suggested.
        // More pages would not improve either.
        if let Some(next) = next {
            stretches.insert(at + 1, next);
        }
    }
    Ok(stretches
        .iter()
        .flat_map(|one| points(owner, one))
        .collect())
}

/// Reads the page after `after`, as the start of a period that ends at `to`. `None` if the page has
/// no key of that period.
async fn read(
    bucket: &Bucket,
    owner: &str,
    after: &str,
    to: u64,
    page: u16,
) -> Result<Option<Stretch>, Error> {
    let listed = bucket.list_after(after, page).await?;
    let end = format!("{owner}{}", id_at(to));
    let keys: Vec<&str> = listed
        .objects
        .iter()
        .map(|object| object.key.as_str())
        .take_while(|key| key.starts_with(owner) && *key < end.as_str())
        .collect();
    let (Some(first), Some(last)) = (keys.first(), keys.last()) else {
        return Ok(None);
    };
    let is_all = keys.len() < listed.objects.len() || !listed.more;
    // The rate is taken from the end of the page, because a page may begin in a quiet period and
    // end in an import.
    let tail = keys
        .get(keys.len() - keys.len().div_ceil(4))
        .unwrap_or(first);
    let times = millis(tail).zip(millis(last));
    let (from, listed_to) = times.unwrap_or((0, to));
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let rate = keys.len().div_ceil(4) as f64 / (listed_to.saturating_sub(from) + 1) as f64;
    Ok(Some(Stretch {
        last: (*last).to_owned(),
        known: keys.len(),
        listed_to: if is_all { to } else { listed_to.min(to) },
        to,
        rate,
    }))
}

/// One point for the listed keys, and points for the estimated ones, spread evenly over their
/// period.
fn points(owner: &str, stretch: &Stretch) -> Vec<(String, f64)> {
    const PARTS: u64 = 64;
    #[expect(clippy::cast_precision_loss, reason = "at most a page")]
    let mut points = vec![(stretch.last.clone(), stretch.known as f64)];
    let expected = stretch.expected();
    if expected >= 1.0 {
        let length = stretch.to - stretch.listed_to;
        #[expect(clippy::cast_precision_loss, reason = "a small constant")]
        let each = expected / PARTS as f64;
        points.extend((1..=PARTS).map(|part| {
            let at = stretch.listed_to + length / PARTS * part;
            (format!("{owner}{}", id_at(at)), each)
        }));
    }
    points
}

/// The time in the id of a key.
fn millis(key: &str) -> Option<u64> {
    let id = ObjectKey::parse(key).ok()?.id();
    let (seconds, nanos) = id.uuid().get_timestamp()?.to_unix();
    Some(seconds * 1000 + u64::from(nanos / 1_000_000))
}

/// The smallest UUIDv7 of a time.
fn id_at(millis: u64) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
}
