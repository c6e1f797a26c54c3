//! The stages, in their order.

/// A stage: its name, what it runs, and whether `--quick` leaves it out.
pub(super) struct Stage {
    pub(super) name: &'static str,
    pub(super) run: Run,
    pub(super) slow: bool,
}

/// The arguments of a cargo.
type Args = &'static [&'static str];

pub(super) enum Run {
    /// Cargo, with these arguments, one command after another.
    Cargo(&'static [Args]),
    /// The same. Only the first where `--quick` is given: what the others build is run by slow stages.
    Build(&'static [Args]),
    /// What we depend on.
    Deny,
    /// Whole local stacks.
    Stack,
    /// The client and the page, in a browser.
    Web,
    /// What is deployed, as far as that shows without an account.
    Template,
    /// The release binaries.
    Release,
    /// What the stages before have logged.
    Secrets,
    /// S3 servers that were written elsewhere. Runs only where it is named: it reports what they support.
    Servers,
}

/// The cheap ones first, and the release binaries last, since they take longest.
pub(super) const STAGES: [Stage; 12] = [
    Stage {
        name: "format",
        run: Run::Cargo(&[&["fmt", "--all", "--check"]]),
        slow: false,
    },
    Stage {
        name: "deny",
        run: Run::Deny,
        slow: false,
    },
    Stage {
        name: "lint",
        run: Run::Cargo(&[
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
            // Tests that plain `cargo test` leaves out, and so does `--all-targets`.
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
        run: Run::Build(&[
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
        run: Run::Cargo(&[&["test", "--workspace", "--no-fail-fast"]]),
        slow: false,
    },
    Stage {
        name: "faults",
        run: Run::Cargo(&[&["test", "--workspace", "--test", "faults"]]),
        slow: true,
    },
    Stage {
        name: "stack",
        run: Run::Stack,
        slow: true,
    },
    Stage {
        name: "web",
        run: Run::Web,
        slow: true,
    },
    Stage {
        name: "template",
        run: Run::Template,
        slow: true,
    },
    Stage {
        name: "release",
        run: Run::Release,
        slow: true,
    },
    Stage {
        name: "secrets",
        run: Run::Secrets,
        slow: false,
    },
    Stage {
        name: "servers",
        run: Run::Servers,
        slow: true,
    },
];

/// The stages' names.
pub(crate) fn names() -> [&'static str; STAGES.len()] {
    STAGES.each_ref().map(|stage| stage.name)
}
