//! A sample of the keys in the bucket, to split them into ranges of about as many keys each, and to estimate how many there
//! are.
//!
//! A table that is empty knows nothing of the keys, and owners are not spread over the alphabet: `user-…`, `auth0|…` and
//! hexadecimal ids each leave most of it unused. S3 lists in the order of the keys and can begin anywhere, but it does not
//! count. So the sample is taken in three steps, each with a fixed number of requests:
//!
//! 1. The first pages. A small bucket ends there, and the sample is then all of it.
//! 2. The owners, 1,000 in a page: with the delimiter `/`, S3 lists each once, however many files it has.
//! 3. The number of files of some owners, evenly chosen from that list. One page tells it, unless there are more than a
//!    page; then [`busy`] estimates it from the times in the ids. An owner that was not chosen counts as the average.

mod busy;

use futures_util::stream::{self, StreamExt as _};
use slipway_core::Error;
use slipway_s3::Bucket;

/// How many requests a sample may make.
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    /// How many entries a page has.
    pub page: u16,
    /// How many pages are read to see whether the bucket ends there.
    pub first_pages: usize,
    /// How many pages of owners are read.
    pub owner_pages: usize,
    /// Of how many owners the files are counted.
    pub owners: usize,
    /// How many pages are read of owners with more than a page of files, all together.
    pub busy_pages: usize,
    /// How many requests run at the same time.
    pub at_once: usize,
}

impl Default for Sampling {
    /// At 200 ms a page, 10 s for a small bucket and about a minute for a large one.
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

/// Some keys in their order, and how many keys each stands for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    points: Vec<(String, f64)>,
    /// Whether every key was counted.
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
        // One page after the other, so that no owner takes more than a minute.
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

    /// How many keys there are, or about.
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

    /// `shards - 1` keys that split the sample evenly, each the last key of its range; fewer where it has too few keys.
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
                // A point may stand for many keys: the range ends on the side of it that is nearer.
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
        // What is left is in the last point, which is best a range of its own.
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

/// What the keys of each owner begin with. Beyond the last page, one entry stands for all that follow.
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

/// At most `most` indices below `len`, as far apart as they can be.
fn spread(len: usize, most: usize) -> impl Iterator<Item = usize> {
    let count = len.min(most);
    (0..count).map(move |part| part * len / count)
}

/// One point for each owner that was not counted, with the average of those that were.
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
            // Where a range ends with this owner, it must end after the owner's last key.
            points.unwrap_or_else(|| vec![(format!("{}0", owner.trim_end_matches('/')), average)])
        })
        .collect()
}
