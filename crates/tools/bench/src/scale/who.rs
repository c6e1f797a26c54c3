//! Whose the rows are.

/// Who has a third of all rows, and two of three of the newest twentieth.
pub(super) const HOT: &str = "hot";

/// Who has a third of all rows but the newest twentieth, of which nothing is theirs.
pub(super) const IDLE: &str = "idle";

/// Who has a tenth of as many files as the others together, in folders of a hundred.
pub(super) const TREE: &str = "tree";

/// A third of so many rows belongs to `AVERAGE` users: some 500 to each, in the order in which they come.
pub(super) const COHORT: u64 = 10_000;
/// No multiple of three, so that all of them have as many.
pub(super) const AVERAGE: u64 = 7;

/// A kind of user.
#[derive(Clone, Copy)]
pub(super) enum Who {
    Hot,
    Idle,
    Average,
    Tree,
}

impl Who {
    /// What a table of results calls them.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Idle => "idle hot",
            Self::Average => "average",
            Self::Tree => "with folders",
        }
    }

    /// The `number`th of them, where there are so many rows.
    pub(super) fn user(self, number: u64, rows: u64) -> String {
        match self {
            Self::Hot => HOT.to_owned(),
            Self::Idle => IDLE.to_owned(),
            Self::Average => average(number, rows),
            Self::Tree => TREE.to_owned(),
        }
    }
}

/// An average user: every one has as many files, however many users there are.
fn average(number: u64, rows: u64) -> String {
    let cohorts = (rows / COHORT).max(1);
    // A stride through all of them, so that neighbours in time are not neighbours in the table.
    let cohort = number * 7919 % cohorts;
    format!("user{cohort}-{}", number % AVERAGE)
}
