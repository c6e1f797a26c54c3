//! The commands of `docs/maintain.md`, pasted against the running stack.

use std::path::Path;

use slipway_processes::binary;

use crate::harness::{EXE, bash};

const PAGE: &str = include_str!("../../../../../docs/maintain.md");

/// The part of each line before its arguments.
const CARGO: &str = "    cargo run -p slipway-maintain -- ";

/// Each line works with nothing but what `cargo dev env` prints.
pub(crate) fn works_as_pasted(state: &Path) {
    assert!(
        PAGE.contains("\n    eval \"$(cargo dev env)\""),
        "the page sets the variables first"
    );
    let lines = PAGE.lines().filter_map(|line| line.strip_prefix(CARGO));
    let lines: Vec<&str> = lines.collect();
    assert!(lines.len() >= 4, "{lines:?}");
    let maintain = binary("maintain");
    for arguments in lines {
        // The comment at its end is one to a shell as well.
        let said = bash(&format!(
            "unset DATABASE_URL S3_BUCKET_NAME S3_ENDPOINT AWS_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
            eval \"$('{EXE}' env --state '{}')\"
            '{}' {arguments}\n",
            state.display(),
            maintain.display(),
        ));
        assert!(said.contains("\"finished\""), "{arguments}: {said}");
    }
}
