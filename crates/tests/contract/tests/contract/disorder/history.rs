//! Histories: steps in any order, generated and shrunk by proptest.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::content::{Content, RequestedUpload};
use super::limits::{FIRST, LIMITS, MAX};

/// The number of steps of the longest random history.
const LONGEST: usize = 20;

/// A step. Users and files are numbers. A file is counted back from the newest, modulo the number
/// of files.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Presigns, and uploads the requested file if `put`.
    Presign {
        user: usize,
        asked: RequestedUpload,
        put: bool,
    },
    /// A PUT through an older URL: of the requested file, or of other bytes.
    Put { file: usize, other: Option<Content> },
    /// `save-metadata`.
    Save { by: usize, file: usize },
    /// `save-metadata` with several keys.
    SaveMany { by: usize, files: Vec<usize> },
    /// An event arrives, and may arrive again.
    Event {
        which: usize,
        shape: Shape,
        again: bool,
    },
    /// A result of the scanner arrives, and may arrive again.
    ScanEvent { which: usize, again: bool },
    /// `preview` gets an event, and may get it again.
    Preview { which: usize, again: bool },
    /// `preview` makes what is missing.
    MakeMissing,
    /// An event is lost.
    Lose { which: usize },
    /// `PATCH /files/{id}`: another name, other fields, or both.
    Rename {
        by: usize,
        file: usize,
        name: Option<usize>,
        metadata: Option<bool>,
    },
    /// `DELETE /files/{id}`.
    Delete { by: usize, file: usize },
    /// `POST /files/delete`.
    DeleteMany { by: usize, files: Vec<usize> },
    /// An object is removed by hand.
    Remove { file: usize },
    /// The scanner scans an object.
    Scan { file: usize, clean: bool },
    /// A client reads a file by every URL of it that was ever returned.
    Read { file: usize },
    /// A second passes.
    Second,
    /// More than a day and a half pass: every upload URL has expired.
    Age,
    /// The deployment has other limits from now on.
    Limit { limits: usize },
    /// All pending events arrive.
    Quiet,
    /// A second passes, and the bucket is restored by copy.
    Restore,
    /// The database is lost, and migrated again.
    LoseDatabase,
    /// `maintain` runs its first task, its second, or both.
    Maintain {
        deletes: bool,
        reconcile: bool,
        force: bool,
    },
}

/// The envelope of an event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Direct,
    EventBridge,
    /// The notification in an SQS message.
    Sqs,
    /// Twice in one SQS batch, in the formats of S3 and of EventBridge.
    SqsTwice,
}

/// A history.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// Whether the bucket policy requires a clean scan.
    pub(crate) gated: bool,
    /// The limits at the beginning.
    pub(crate) limits: usize,
    pub(crate) steps: Vec<Step>,
}

pub(crate) fn histories() -> impl Strategy<Value = History> {
    let start = (prop::bool::weighted(0.3), select(FIRST.to_vec()));
    let bad = prop::option::of((bad_day(), vec(step(), 0..4)));
    let steps = vec(step(), 1..=LONGEST);
    (start, steps, bad).prop_map(|((gated, limits), mut steps, bad)| {
        if let Some((bad, after)) = bad {
            steps.extend(bad);
            steps.extend(after);
        }
        History {
            gated,
            limits,
            steps,
        }
    })
}

/// A typical incident: files that were accepted long ago or recently, a disaster, lowered limits,
/// and an upload before maintenance runs. Random steps rarely come in this order.
fn bad_day() -> impl Strategy<Value = Vec<Step>> {
    let disaster = select(vec![
        vec![Step::LoseDatabase],
        vec![Step::Restore],
        vec![Step::Restore, Step::LoseDatabase],
    ]);
    let upload = (0..2_usize, asked()).prop_map(|(user, asked)| Step::Presign {
        user,
        asked,
        put: true,
    });
    let confirmed = (0..2_usize).prop_map(|by| Step::Save { by, file: 0 });
    let meanwhile = prop::option::of((upload, confirmed));
    let (age, force) = (any::<bool>(), any::<bool>());
    let limit = (0..LIMITS.len()).prop_map(|limits| Step::Limit { limits });
    (age, disaster, meanwhile, limit, force).prop_map(|(age, disaster, meanwhile, limit, force)| {
        let mut steps = vec![Step::Quiet];
        steps.extend(age.then_some(Step::Age));
        steps.extend(disaster);
        if let Some((upload, confirmed)) = meanwhile {
            steps.extend([upload, confirmed]);
        }
        let (deletes, reconcile) = (false, true);
        steps.extend([
            limit,
            Step::Maintain {
                deletes,
                reconcile,
                force,
            },
        ]);
        steps
    })
}

fn step() -> impl Strategy<Value = Step> {
    let (user, file) = (|| 0..2_usize, || 0..4_usize);
    let flag = any::<bool>;
    let shape = select(vec![
        Shape::Direct,
        Shape::EventBridge,
        Shape::Sqs,
        Shape::SqsTwice,
    ]);
    prop_oneof![
        5 => (user(), asked(), prop::bool::weighted(0.8)).prop_map(|(user, asked, put)| Step::Presign { user, asked, put }),
        4 => (file(), prop::option::weighted(0.7, bytes())).prop_map(|(file, other)| Step::Put { file, other }),
        5 => (user(), file()).prop_map(|(by, file)| Step::Save { by, file }),
        3 => (user(), vec(file(), 1..5)).prop_map(|(by, files)| Step::SaveMany { by, files }),
        5 => (0..8_usize, shape, flag()).prop_map(|(which, shape, again)| Step::Event { which, shape, again }),
        2 => (0..8_usize, flag()).prop_map(|(which, again)| Step::ScanEvent { which, again }),
        4 => (0..8_usize, flag()).prop_map(|(which, again)| Step::Preview { which, again }),
        1 => Just(Step::MakeMissing),
        1 => (0..8_usize).prop_map(|which| Step::Lose { which }),
        3 => (user(), file(), changes()).prop_map(|(by, file, (name, metadata))| Step::Rename { by, file, name, metadata }),
        2 => (user(), file()).prop_map(|(by, file)| Step::Delete { by, file }),
        1 => (user(), vec(file(), 1..4)).prop_map(|(by, files)| Step::DeleteMany { by, files }),
        1 => file().prop_map(|file| Step::Remove { file }),
        2 => (file(), prop::bool::weighted(0.8)).prop_map(|(file, clean)| Step::Scan { file, clean }),
        2 => file().prop_map(|file| Step::Read { file }),
        2 => Just(Step::Second),
        1 => Just(Step::Age),
        2 => (0..LIMITS.len()).prop_map(|limits| Step::Limit { limits }),
        1 => Just(Step::Restore),
        1 => Just(Step::Quiet),
        1 => Just(Step::LoseDatabase),
        2 => (flag(), flag(), flag()).prop_map(|(deletes, reconcile, force)| Step::Maintain { deletes, reconcile, force }),
    ]
}

/// Few names, so that some renames change nothing. One of the two is sent.
fn changes() -> impl Strategy<Value = (Option<usize>, Option<bool>)> {
    let (name, metadata) = (0..3_usize, any::<bool>());
    (name, metadata, 0..3_usize).prop_map(|(name, metadata, sent)| {
        let name = (sent != 0).then_some(name);
        (name, (sent != 1).then_some(metadata))
    })
}

fn asked() -> impl Strategy<Value = RequestedUpload> {
    let flags = (
        prop::bool::weighted(0.4),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.4),
        prop::bool::weighted(0.3),
    );
    (bytes(), flags).prop_map(
        |(bytes, (size, checksum, once, small, metadata))| RequestedUpload {
            bytes,
            size,
            checksum,
            once,
            small,
            metadata,
        },
    )
}

/// Few and short, so that the same values recur, and some are over the limit.
fn bytes() -> impl Strategy<Value = Content> {
    (select(b"abc".to_vec()), 0..=MAX + 2).prop_map(|(kind, units)| Content::new(kind, units))
}
