//! The users of the generated rows.

/// The user with a third of all rows, and two thirds of the newest twentieth.
pub(super) const HOT: &str = "hot";

/// The user with a third of all rows, but none of the newest twentieth.
pub(super) const IDLE: &str = "idle";

/// The user with folders of a hundred files, and a tenth as many files as the others together.
pub(super) const TREE: &str = "tree";

/// A third of so many rows belongs to `AVERAGE` users, about 500 to each, interleaved.
pub(super) const COHORT: u64 = 10_000;
/// Not a multiple of three, so that all of them have the same number.
pub(super) const AVERAGE: u64 = 7;

/// A kind of user.
#[derive(Clone, Copy)]
pub(super) enum UserKind {
    Hot,
    Idle,
    Average,
    Tree,
}

impl UserKind {
    /// The name in a table of results.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Idle => "idle hot",
            Self::Average => "average",
            Self::Tree => "with folders",
        }
    }

    /// The `number`th user of the kind, in a table of so many rows.
    pub(super) fn user(self, number: u64, rows: u64) -> String {
        match self {
            Self::Hot => HOT.to_owned(),
            Self::Idle => IDLE.to_owned(),
            Self::Average => average(number, rows),
            Self::Tree => TREE.to_owned(),
        }
    }
}

/// An average user. Each has the same number of files, however many users there are.
fn average(number: u64, rows: u64) -> String {
    let cohorts = (rows / COHORT).max(1);
    // A stride through all of them, so that consecutive requests do not hit neighbouring rows.
    let cohort = number * 7919 % cohorts;
    format!("user{cohort}-{}", number % AVERAGE)
}
