//! The limits of a deployment in these histories.

use super::content::UNIT;

/// What a deployment accepts. An operator may change it at any time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The largest file in bytes.
    pub(crate) max: usize,
    /// The quota of a user.
    pub(crate) quota: Option<usize>,
    /// Whether pictures may be uploaded. All files of these histories are named as pictures.
    pub(crate) pictures: bool,
    /// What the rule `small` allows, where there are rules; `default` allows everything.
    pub(crate) small: Option<Small>,
}

/// A rule for uploads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Small {
    /// The largest file, in bytes.
    pub(crate) max: usize,
    /// Whether pictures may be uploaded.
    pub(crate) pictures: bool,
}

/// The largest limit of a file, in units.
pub(crate) const MAX: usize = 8;

pub(crate) const LIMITS: [Limits; 7] = [
    Limits::new(MAX, None, true),
    Limits::new(MAX, Some(12), true),
    Limits::new(3, Some(5), true),
    Limits::new(MAX, None, false),
    Limits::new(MAX, None, true).with(Small {
        max: 4,
        pictures: true,
    }),
    Limits::new(6, Some(12), true).with(Small {
        max: 2,
        pictures: true,
    }),
    Limits::new(MAX, None, true).with(Small {
        max: MAX,
        pictures: false,
    }),
];

/// Which limits a history may begin with.
pub(crate) const FIRST: [usize; 3] = [0, 1, 4];

impl Limits {
    /// With sizes in units.
    const fn new(max: usize, quota: Option<usize>, pictures: bool) -> Self {
        Self {
            max: max * UNIT,
            quota: match quota {
                Some(quota) => Some(quota * UNIT),
                None => None,
            },
            pictures,
            small: None,
        }
    }

    const fn with(self, small: Small) -> Self {
        Self {
            small: Some(Small {
                max: small.max * UNIT,
                ..small
            }),
            ..self
        }
    }

    /// `UPLOAD_RULES`.
    pub(crate) fn rules(&self) -> Option<String> {
        let Small { max, pictures } = self.small?;
        let types = if pictures { "*/*" } else { "text/*" };
        Some(format!(
            r#"{{"default": {{}}, "small": {{"maxBytes": {max}, "contentTypes": ["{types}"]}}}}"#
        ))
    }
}
