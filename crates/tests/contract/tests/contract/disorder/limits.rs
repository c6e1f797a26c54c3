//! The limits of a deployment in these histories.

/// What a deployment accepts. An operator may change it at any time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The largest file in bytes.
    pub(crate) max: usize,
    /// The quota of a user.
    pub(crate) quota: Option<usize>,
    /// Whether text may be uploaded. All files of these histories are text.
    pub(crate) text: bool,
}

/// The largest limit of a file.
pub(crate) const MAX: usize = 8;

pub(crate) const LIMITS: [Limits; 4] = [
    Limits::new(MAX, None, true),
    Limits::new(MAX, Some(12), true),
    Limits::new(3, Some(5), true),
    Limits::new(MAX, None, false),
];

impl Limits {
    const fn new(max: usize, quota: Option<usize>, text: bool) -> Self {
        Self { max, quota, text }
    }
}
