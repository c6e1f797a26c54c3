//! Samples the keys in the bucket, to split them into ranges of similar size and to estimate their
//! number.
//!
//! An empty table does not show how keys are distributed, and owners are not spread evenly over the
//! alphabet: `user-…`, `auth0|…` and hexadecimal ids each leave most of it unused. S3 lists in the
//! order of the keys and can start anywhere, but it does not count. So the sample is taken in three
//! steps, each with a limited number of requests:
//!
//! 1. The first pages. A small bucket ends there, and the sample then contains every key.
//! 2. The owners, 1,000 in a page: with the delimiter `/`, S3 lists each once, whatever the number
//!    of its files.
//! 3. The number of files of some owners, selected evenly from that list. One page of an owner's
//!    keys shows the number, unless there are more keys than one page holds. Then [`busy`]
//!    estimates it from the times in the ids. An owner that was not selected counts as the average.

mod busy;

use futures_util::stream::{self, StreamExt as _};
use slipway_core::Error;
use slipway_s3::Bucket;

/// The limits on the requests of a sample.
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    /// The number of entries in a page.
    pub page: u16,
    /// The number of pages read first. If the bucket ends there, the sample is exact.
    pub first_pages: usize,
    /// The maximum number of pages of owners.
    pub owner_pages: usize,
    /// The maximum number of owners whose files are counted.
    pub owners: usize,
    /// The number of pages for all owners with more than a page of files.
    pub busy_pages: usize,
    /// The number of concurrent requests.
    pub at_once: usize,
}

impl Default for Sampling {
    /// At 200 ms per page: 10 s for a small bucket, and about a minute for a large one.
    fn default() -> Self {
        Self {
            page: slipway_s3::MAX_LIST,
            first_pages: 50,
            owner_pages: 200,
            owners: 1024,
            busy_pages: 1024,
            at_once: 32,
        }
    }
}

/// Some keys in order, and the number of keys that each represents.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    points: Vec<(String, f64)>,
    /// Set if every key was counted.
    pub(crate) is_exact: bool,
}

impl Sample {
    /// Samples `bucket`.
    pub(crate) async fn of(bucket: &Bucket, sampling: &Sampling) -> Result<Self, Error> {
        let mut points = Vec::new();
        let mut after = String::new();
        for _ in 0..sampling.first_pages {
            let page = bucket.list_after(&after, sampling.page).await?;
            points.extend(page.objects.into_iter().map(|object| (object.key, 1.0)));
            match points.last() {
                Some((last, _)) if page.more => after.clone_from(last),
                _ => {
                    let is_exact = true;
                    return Ok(Self { points, is_exact });
                }
            }
        }
        let owners = owners(bucket, sampling).await?;
        let chosen: Vec<usize> = spread(owners.len(), sampling.owners).collect();
        let mut counts: Vec<Option<Vec<(String, f64)>>> = vec![None; owners.len()];
        let mut busy = Vec::new();
        let mut pages = stream::iter(chosen)
            .map(|at| {
                let owner = &owners[at];
                async move { (at, bucket.list_after(owner, sampling.page).await) }
            })
            .buffer_unordered(sampling.at_once);
        while let Some((at, page)) = pages.next().await {
            let page = page?;
            let theirs = page.objects.iter();
            let mut theirs = theirs.filter(|object| object.key.starts_with(&owners[at]));
            let (count, last) = (theirs.clone().count(), theirs.next_back());
            if page.more && count == page.objects.len() {
                busy.push(at);
            } else {
                let key = last.map_or(&owners[at], |object| &object.key);
                #[expect(clippy::cast_precision_loss, reason = "at most a page")]
                let count = count as f64;
                counts[at] = Some(vec![(key.clone(), count)]);
            }
        }
        drop(pages);
        // The pages of one owner are read one after the other, so this keeps each owner under a
        // minute.
        let each = (sampling.busy_pages / busy.len().max(1)).clamp(2, 256);
        let mut estimates = stream::iter(busy)
            .map(|at| {
                let owner = &owners[at];
                async move { (at, busy::estimate(bucket, owner, sampling.page, each).await) }
            })
            .buffer_unordered(sampling.at_once);
        while let Some((at, estimate)) = estimates.next().await {
            counts[at] = Some(estimate?);
        }
        drop(estimates);
        Ok(Self {
            points: with_average(owners, counts),
            is_exact: false,
        })
    }

    /// The number of keys: exact if `is_exact` is set, otherwise an estimate.
    pub(crate) fn total(&self) -> u64 {
        let sum: f64 = self.points.iter().map(|(_, weight)| weight).sum();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count of keys"
        )]
        let total = sum.round() as u64;
        total
    }

    /// `shards - 1` keys that split the sample evenly, each the last key of its range. Fewer if the
    /// sample has too few keys.
    pub(crate) fn bounds(&self, shards: u32) -> Vec<String> {
        let sum: f64 = self.points.iter().map(|(_, weight)| weight).sum();
        let (mut bounds, mut part) = (Vec::<String>::new(), 1);
        let (mut before, mut previous) = (0.0, None);
        let Some(((last, _), points)) = self.points.split_last() else {
            return bounds;
        };
        for (key, weight) in points {
            let after = before + weight;
            while part < shards {
                let even = sum * f64::from(part) / f64::from(shards);
                if after < even {
                    break;
                }
                // A point may represent many keys: the range ends at the nearer side of it.
                let bound = if even - before < after - even {
                    previous
                } else {
                    Some(key)
                };
                if let Some(bound) = bound
                    && bounds.last() != Some(bound)
                {
                    bounds.push(bound.clone());
                }
                part += 1;
            }
            (before, previous) = (after, Some(key));
        }
        // The last point contains the remaining keys and is best a range of its own.
        if part < shards
            && let Some(bound) = previous
            && bounds.last() != Some(bound)
            && bound != last
        {
            bounds.push(bound.clone());
        }
        bounds
    }
}

/// The key prefix of each owner. The last entry represents all owners after the last page.
async fn owners(bucket: &Bucket, sampling: &Sampling) -> Result<Vec<String>, Error> {
    let (mut owners, mut after) = (Vec::new(), String::new());
    for _ in 0..sampling.owner_pages {
        let page = bucket.owners_after(&after, sampling.page).await?;
        owners.extend(page.owners);
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    Ok(owners)
}

/// At most `most` indices below `len`, spread evenly.
fn spread(len: usize, most: usize) -> impl Iterator<Item = usize> {
    let count = len.min(most);
    (0..count).map(move |part| part * len / count)
}

/// The counted points, and one point with the average count for each owner that was not counted.
fn with_average(
    owners: Vec<String>,
    counts: Vec<Option<Vec<(String, f64)>>>,
) -> Vec<(String, f64)> {
    let (mut sum, mut counted) = (0.0, 0_u32);
    for points in counts.iter().flatten() {
        sum += points.iter().map(|(_, weight)| weight).sum::<f64>();
        counted += 1;
    }
    let average = sum / f64::from(counted.max(1));
    owners
        .into_iter()
        .zip(counts)
        .flat_map(|(owner, points)| {
            // A range that ends with this owner must end after the owner's last key.
            points.unwrap_or_else(|| vec![(format!("{}0", owner.trim_end_matches('/')), average)])
        })
        .collect()
}
