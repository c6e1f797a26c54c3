//! The stages in their order.

/// A stage: its name, its work, when it runs, and whether `--quick` leaves it out.
pub(super) struct Stage {
    pub(super) name: &'static str,
    pub(super) run: StageWork,
    pub(super) lane: Lane,
    pub(super) slow: bool,
}

/// When a stage runs. The stages of `Tests` wait for servers and timeouts half of their time, and
/// those of `Artifacts` compile or run in a browser, so `--parallel` runs both lanes at the same
/// time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    /// One after another, before the others.
    First,
    /// One after another, after `First`.
    Tests,
    /// One after another, next to `Tests`, in a second process.
    Artifacts,
    /// One after another, after all others.
    Last,
}

/// Arguments for cargo.
type CargoArguments = &'static [&'static str];

pub(super) enum StageWork {
    /// Cargo commands with these arguments, one after another.
    Cargo(&'static [CargoArguments]),
    /// The same. `--quick` only runs the first, since only slow stages need the others.
    Build(&'static [CargoArguments]),
    /// Checks of the dependencies.
    Deny,
    /// Whole local stacks.
    Stack,
    /// The client and the page in a browser.
    Web,
    /// Checks of the template without an AWS account.
    Template,
    /// The release binaries.
    Release,
    /// A search of the captured logs.
    Secrets,
    /// S3 servers by other authors. Runs only if it is named, and reports what they support.
    Servers,
}

/// Fast stages first. The release binaries take longest, and the stages of a lane follow each other.
pub(super) const STAGES: [Stage; 12] = [
    Stage {
        name: "format",
        run: StageWork::Cargo(&[&["fmt", "--all", "--check"]]),
        lane: Lane::First,
        slow: false,
    },
    Stage {
        name: "deny",
        run: StageWork::Deny,
        lane: Lane::First,
        slow: false,
    },
    Stage {
        name: "lint",
        run: StageWork::Cargo(&[
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
            // Test targets that plain `cargo test` and `--all-targets` leave out.
            &[
                "clippy",
                "--workspace",
                "--test",
                "faults",
                "--test",
                "stack",
                "--test",
                "budgets",
                "--test",
                "release",
                "--",
                "-D",
                "warnings",
            ],
        ]),
        lane: Lane::First,
        slow: false,
    },
    Stage {
        name: "build",
        run: StageWork::Build(&[
            &["build", "--workspace", "--bins", "--tests"],
            &[
                "build",
                "--workspace",
                "--test",
                "faults",
                "--test",
                "stack",
                "--test",
                "budgets",
                "--test",
                "release",
            ],
        ]),
        lane: Lane::First,
        slow: false,
    },
    Stage {
        name: "test",
        run: StageWork::Cargo(&[&["test", "--workspace", "--no-fail-fast"]]),
        lane: Lane::Tests,
        slow: false,
    },
    Stage {
        name: "faults",
        run: StageWork::Cargo(&[&["test", "--workspace", "--test", "faults"]]),
        lane: Lane::Tests,
        slow: true,
    },
    Stage {
        name: "stack",
        run: StageWork::Stack,
        lane: Lane::Tests,
        slow: true,
    },
    Stage {
        name: "web",
        run: StageWork::Web,
        lane: Lane::Artifacts,
        slow: true,
    },
    Stage {
        name: "template",
        run: StageWork::Template,
        lane: Lane::Artifacts,
        slow: true,
    },
    Stage {
        name: "release",
        run: StageWork::Release,
        lane: Lane::Artifacts,
        slow: true,
    },
    Stage {
        name: "secrets",
        run: StageWork::Secrets,
        lane: Lane::Last,
        slow: false,
    },
    Stage {
        name: "servers",
        run: StageWork::Servers,
        lane: Lane::Last,
        slow: true,
    },
];

/// The names of the stages.
pub(crate) fn names() -> [&'static str; STAGES.len()] {
    STAGES.each_ref().map(|stage| stage.name)
}
