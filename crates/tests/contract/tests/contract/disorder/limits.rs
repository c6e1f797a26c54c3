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
    /// What the rule `small` allows, where there are rules; `default` allows everything.
    pub(crate) small: Option<Small>,
}

/// A rule for uploads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Small {
    /// The largest file, in bytes.
    pub(crate) max: usize,
    /// Whether text may be uploaded.
    pub(crate) text: bool,
}

/// The largest limit of a file.
pub(crate) const MAX: usize = 8;

pub(crate) const LIMITS: [Limits; 7] = [
    Limits::new(MAX, None, true),
    Limits::new(MAX, Some(12), true),
    Limits::new(3, Some(5), true),
    Limits::new(MAX, None, false),
    Limits::new(MAX, None, true).with(Small { max: 4, text: true }),
    Limits::new(6, Some(12), true).with(Small { max: 2, text: true }),
    Limits::new(MAX, None, true).with(Small {
        max: MAX,
        text: false,
    }),
];

/// Which limits a history may begin with.
pub(crate) const FIRST: [usize; 3] = [0, 1, 4];

impl Limits {
    const fn new(max: usize, quota: Option<usize>, text: bool) -> Self {
        Self {
            max,
            quota,
            text,
            small: None,
        }
    }

    const fn with(self, small: Small) -> Self {
        Self {
            small: Some(small),
            ..self
        }
    }

    /// `UPLOAD_RULES`.
    pub(crate) fn rules(&self) -> Option<String> {
        let Small { max, text } = self.small?;
        let types = if text { "*/*" } else { "image/*" };
        Some(format!(
            r#"{{"default": {{}}, "small": {{"maxBytes": {max}, "contentTypes": ["{types}"]}}}}"#
        ))
    }
}
