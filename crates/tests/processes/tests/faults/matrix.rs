//! The matrix, as a page, and how it differs from the one that is kept.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::cell::Cell;
use crate::fault::{Fault, Path};
use crate::function::FUNCTIONS;

/// What came of each fault for each function, by their names.
#[derive(Default)]
pub(crate) struct Matrix(pub(crate) BTreeMap<(&'static str, &'static str), Cell>);

const HEAD: &str = "\
# Faults

What a function does when what is behind it fails. Each cell is one function, as the built binary behind a Lambda runtime
API, with a real Postgres and the S3 server of the local stack, each behind a proxy; it has met the fault, was tried again where
it did not succeed, and `maintain` ran once. Then bucket and table were compared as a whole.

    cargo dev test faults

runs all of it, ten cells at once, and fails if something is lost, hangs, or ends in another way than this page says. No cell is
repeated. The limits of a function are seconds (a connection to S3 2 s, a statement 5 s), so the test keeps the machine free while a
fault is met: at most three worlds are being made, started or audited at a time, and all others wait for a clock or for each other.
`SLIPWAY_WRITE_FAULTS=1` rewrites the page.

";

const LEGEND: &str = "
- `ok`: done. A client got a 2xx, an event was taken. A broken connection has cost one retry within the function at most.
- `503 unavailable`, `504 timeout`: what the client got, as JSON with the code, before the function's own deadline.
- A lock is waited for for 4 of the 5 seconds that a statement has. Nothing was done then, so the answer is 503, and not 504. `migrate` waits a minute.
- `redelivered`: the event was reported as failed before the deadline, or the process was gone: SQS or Lambda delivers it again.
- `then ok`: the same request or event succeeded when the fault was over. A `DELETE` that is repeated may find the file
  gone (404): it was deleted the first time.
- `–`: not on the path. `presign` asks neither Postgres nor S3; `presign-quota`, `files` and `migrate` do not ask S3, and
  `save-metadata` changes nothing there: all that it asks it reads.
- `ok; or …`: either. The clock runs for whoever is frozen; a busy machine may thaw it when its statement's time is over.

Every cell has also shown that: usage was the sum of live rows at any time; after `maintain`, each object has exactly one live row that
describes it, and each live row its object; what was put and never deleted is there; what was deleted did not come back, neither
what was uploaded again through its URL; no answer came later than its deadline.

Multipart uploads: `create`, `complete` and `maintain` begin with one that is open, its part in S3, and one that was begun 8 days ago.
Afterwards the first is a file, where it was completed, and else still open; `maintain` has ended the other. Each row names an upload
that S3 has. Each upload that S3 has is named by a row; or, where `create` was cut short between S3 and the row, `maintain` ends it
when it is 7 days old: these were made older, and were gone after the next run.

\"Killed before or after any step\": once as the event arrives, and once at each request to S3, each statement and each answer of
either, in a process and a world for each. The lease that a killed `maintain` leaves is taken for expired.

Deadlines here are 6 s, and 12 s for `maintain`, which stops 5 s before its own.
";

impl Matrix {
    fn word(&self, fault: Fault, function: &'static str) -> &str {
        let cell = self.0.get(&(fault.name(), function));
        cell.map_or("", |cell| &cell.word)
    }

    /// The page, with the outcomes alone.
    pub(crate) fn page(&self) -> String {
        let mut page = HEAD.to_owned();
        let names: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).collect();
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| | {} |", names.join(" | "));
        let _ = writeln!(page, "|---|{}", "---|".repeat(names.len()));
        for fault in Fault::ALL {
            let cells: Vec<&str> = FUNCTIONS
                .iter()
                .map(|function| {
                    if fault.is_on_the_path_of(function) {
                        self.word(fault, function.name)
                    } else {
                        "–"
                    }
                })
                .collect();
            let _ = writeln!(page, "| {} | {} |", fault.name(), cells.join(" | "));
        }
        page + LEGEND
    }

    /// Everything that must not be: what went wrong, and cells without an outcome.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for fault in Fault::ALL {
            for function in FUNCTIONS {
                let on_path = fault.is_on_the_path_of(function);
                // Whoever is always there is on every path of this kind.
                assert!(on_path || fault.path() != Path::Any);
                let place = format!("{} × {}", fault.name(), function.name);
                match self.0.get(&(fault.name(), function.name)) {
                    Some(cell) => {
                        let Cell { note, wrong, .. } = cell;
                        problems.extend(wrong.iter().map(|it| format!("{place} ({note}): {it}")));
                    }
                    None if on_path => problems.push(format!("{place}: an empty cell")),
                    None => {}
                }
            }
        }
        problems
    }
}

/// Where the page is kept.
pub(crate) fn path() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../docs/faults.md"
    ))
}
