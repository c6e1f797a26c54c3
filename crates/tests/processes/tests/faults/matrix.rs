//! The matrix, as a page, and how it differs from the one that is kept.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::cell::Cell;
use crate::fault::{Fault, Path};
use crate::function::FUNCTIONS;

/// The outcome of each fault for each function, by their names.
#[derive(Default)]
pub(crate) struct Matrix(pub(crate) BTreeMap<(&'static str, &'static str), Cell>);

const HEAD: &str = "\
# Faults

This page shows what each function does when a dependency fails. Each cell is one function, as the
built binary behind a Lambda runtime API, with a real Postgres and the S3 server of the local stack,
each behind a proxy. `notify` also has an application that verifies each delivery, and a queue. The
function meets the fault and is invoked again if it did not succeed. Then `maintain` runs once, and
bucket, table, webhook events and previews are compared completely.

    cargo dev test faults

runs every cell, ten at a time. It fails if a file is lost, if a function hangs, or if an outcome
differs from this page. No cell is repeated. The time limits of a function are seconds (a connection
to S3 2 s, a statement 5 s), so the test keeps the machine idle during a fault: at most three cells
are set up, started or audited at the same time, and all others wait for a clock or for each other.
`SLIPWAY_WRITE_FAULTS=1` rewrites this page. `SLIPWAY_FAULTS=notify,rename` runs only these columns,
named without their commas.

";

const LEGEND: &str = "
- `ok`: done. A client got a 2xx, or an event was processed. A broken connection cost at most one
  retry within the function.
- `503 unavailable`, `504 timeout`: the response to the client, as JSON with the code, before the
  function's own deadline.
- `200 with …`: the request confirmed several files. A fault of S3 is the result of its key alone.
- A statement waits for a lock for 4 of its 5 seconds. It has changed nothing then, so the response
  is 503 and not 504. `migrate` waits a minute.
- `redelivered`: the event was reported as failed before the deadline, or the process was killed.
  SQS or Lambda delivers it again.
- `then ok`: the same request or event succeeded after the fault. A repeated `DELETE` may return
  404, because the first one deleted the file.
- `–`: the function does not use the dependency. `presign` uses neither Postgres nor S3.
  `presign-quota`, `files`, `notify` and `migrate` do not use S3. `save-metadata` only reads from S3,
  so a lost response changes nothing. Only `notify` has an application and a queue.
- `delivered later`: some events were not delivered by this invocation. A message that `notify` sent
  to its queue delivered them.
- `ok; or …`: both are correct. Time passes while a function is frozen, and a busy machine may
  resume it after the timeout of its statement.

Every cell also verified the following. Usage was the sum of live rows at any time. After
`maintain`, each object has exactly one live row that describes it, and each live row has its
object. Every object that was uploaded and never deleted still exists. No deleted file came back,
not even one that was uploaded again through its URL. No response came after its deadline.

Webhook events: every function runs with `WEBHOOKS=true`. Between the fault and the retry, each row
agreed with its events. In the end each change had exactly one event, and there was no other event.
The changes are: two files were recorded, one was replaced, one renamed, one deleted, one scanned,
one refused because of its size, and `maintain` dropped one whose object was gone. `notify` begins
with a message about a change that is recorded and with one about a change that is recorded only
after the fault. No schedule wakes it. When its queue was empty, the application had received each
event with one id and one body, at least once, and all signatures were valid.

Previews: one file has a preview and is deleted by `delete`, and one has a preview and is replaced. In
the end every preview belongs to a live file, and every file whose row says so has its preview.
`preview` gets events about a picture, a replaced picture, a file that is not a picture, and a
deleted one. In the end both pictures have the preview of their current bytes, the third has a
recorded reason, and the last has nothing.

Multipart uploads: `create`, `complete` and `maintain` begin with an open upload whose part is in
S3, and with one that was started 8 days ago. Afterwards the first is a file if it was completed,
and otherwise still open. `maintain` has aborted the second. Each row names an upload that S3 has,
and each upload in S3 has a row. The exception is a `create` that was interrupted between S3 and the
row: `maintain` aborts such an upload when it is 7 days old. The test makes them older and checks
that the next run removes them.

\"Killed before or after any step\": once when the event arrives, and once at each request to a server, each
statement and each response of either, in a separate process and cell for each. The lease that a
killed `maintain` leaves is treated as expired.

The deadlines here are 6 s, 12 s for `maintain`, 16 s for `preview` and 24 s for `notify`. `maintain`
stops 5 s before its own, `preview` 10 s, and `notify` sends nothing later than 18 s before its own.
";

impl Matrix {
    /// The outcomes that the page `kept` has for the functions that are not chosen.
    pub(crate) fn without_chosen(kept: &str) -> Self {
        let table = kept.lines().filter_map(|line| line.strip_prefix('|'));
        let mut table = table.map(|line| line.split('|').map(str::trim).collect());
        let names: Vec<&str> = table.next().unwrap_or_default();
        let mut matrix = Self::default();
        for row in table {
            let Some(fault) = Fault::ALL
                .iter()
                .find(|one| row.first() == Some(&one.name()))
            else {
                continue;
            };
            for (name, outcome) in names.iter().zip(row).skip(1) {
                let function = FUNCTIONS.iter().find(|one| one.name == *name);
                if let Some(function) = function.filter(|one| !one.is_chosen()) {
                    let cell = Cell {
                        outcome: outcome.to_owned(),
                        note: String::new(),
                        wrong: None,
                    };
                    matrix.0.insert((fault.name(), function.name), cell);
                }
            }
        }
        matrix
    }

    fn outcome(&self, fault: Fault, function: &'static str) -> &str {
        let cell = self.0.get(&(fault.name(), function));
        cell.map_or("", |cell| &cell.outcome)
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
                        self.outcome(fault, function.name)
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
                // A function that is on every path of this kind.
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
