//! About how many files an owner has, and where, from the times in their ids.

use slipway_core::{Error, ObjectKey};
use slipway_s3::Bucket;
use time::OffsetDateTime;
use uuid::Uuid;

/// A stretch of time, in milliseconds: what is known of its keys, and how many are expected after that.
struct Stretch {
    /// The last key that was listed of it.
    last: String,
    /// How many were listed.
    known: usize,
    /// Up to where they were listed.
    listed_to: u64,
    /// Its end.
    to: u64,
    /// How many a millisecond the end of the page had.
    rate: f64,
}

impl Stretch {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    fn expected(&self) -> f64 {
        self.rate * self.to.saturating_sub(self.listed_to) as f64
    }
}

/// Points for the keys that begin with `owner`. It reads up to `pages` pages, each in the middle of the stretch for which most
/// keys are only expected.
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
        // An empty second half says that the first one has fewer than its page showed; both are as known as they get.
        if let Some(next) = next {
            stretches.insert(at + 1, next);
        }
    }
    Ok(stretches
        .iter()
        .flat_map(|one| points(owner, one))
        .collect())
}

/// The page after `after`, as the beginning of a stretch that ends with `to`. `None` where it holds no key of it.
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
    // The rate is that of the page's end: a page may begin in a quiet time and end in an import.
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

/// What was listed is one point; what is expected after it, a few, evenly spread over its time.
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

/// The smallest UUIDv7 of a moment.
fn id_at(millis: u64) -> Uuid {
    uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
}
