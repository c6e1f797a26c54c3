//! The stages in their order.

/// A stage: its name, its work, and whether `--quick` leaves it out.
pub(super) struct Stage {
    pub(super) name: &'static str,
    pub(super) run: StageWork,
    pub(super) slow: bool,
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

/// Fast stages first. The release binaries take longest.
pub(super) const STAGES: [Stage; 12] = [
    Stage {
        name: "format",
        run: StageWork::Cargo(&[&["fmt", "--all", "--check"]]),
        slow: false,
    },
    Stage {
        name: "deny",
        run: StageWork::Deny,
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
        slow: false,
    },
    Stage {
        name: "test",
        run: StageWork::Cargo(&[&["test", "--workspace", "--no-fail-fast"]]),
        slow: false,
    },
    Stage {
        name: "faults",
        run: StageWork::Cargo(&[&["test", "--workspace", "--test", "faults"]]),
        slow: true,
    },
    Stage {
        name: "stack",
        run: StageWork::Stack,
        slow: true,
    },
    Stage {
        name: "web",
        run: StageWork::Web,
        slow: true,
    },
    Stage {
        name: "template",
        run: StageWork::Template,
        slow: true,
    },
    Stage {
        name: "release",
        run: StageWork::Release,
        slow: true,
    },
    Stage {
        name: "secrets",
        run: StageWork::Secrets,
        slow: false,
    },
    Stage {
        name: "servers",
        run: StageWork::Servers,
        slow: true,
    },
];

/// The names of the stages.
pub(crate) fn names() -> [&'static str; STAGES.len()] {
    STAGES.each_ref().map(|stage| stage.name)
}
