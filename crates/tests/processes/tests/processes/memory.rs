//! No request body exhausts the memory of a function. Lambda ends a process that exceeds its
//! `MemorySize`, and the request of that environment fails with it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use slipway_emulators::lambda::InvocationResult;
use slipway_processes::{answer, request};

use crate::stack::Stack;

/// The longest event that Lambda delivers, with some room for the fields around the body.
const EVENT: usize = 5_990_000;

/// The longest body that is parsed.
const PARSED: usize = 1024 * 1024;

/// The memory that Lambda's own processes may use in an environment, in kilobytes.
const LAMBDAS_OWN: u64 = 24 * 1024;

/// The values of `template.yaml`.
const MALLOC: [(&str, &str); 2] = [
    ("MALLOC_MMAP_THRESHOLD_", "16777216"),
    ("MALLOC_TRIM_THRESHOLD_", "16777216"),
];

/// `begin`, then `again` as often as `bytes` allow, then `end`.
fn filled(begin: &str, again: &str, end: &str, bytes: usize) -> String {
    let times = bytes.saturating_sub(begin.len() + end.len()) / again.len();
    format!("{begin}{}{end}", again.repeat(times))
}

/// Bodies that use as much memory as possible for their length, for a function that reads the array
/// `field`.
fn hostile(field: &str, bytes: usize) -> Vec<String> {
    let array = format!("{{\"{field}\":[");
    let nested = format!("{{\"{field}\":");
    vec![
        filled(&array, "1,", "1]}", bytes),
        filled(&array, "{},", "{}]}", bytes),
        filled(&array, "[],", "[]]}", bytes),
        filled(&array, "\"\",", "\"\"]}", bytes),
        filled(&array, "1,", "", bytes),
        // Deep nesting, in a field that is read and in one that is ignored.
        filled(&nested, "[", "", bytes),
        filled(&nested, "{\"a\":", "", bytes),
        filled("{\"other\":", "[", "", bytes),
        filled("{\"other\":[", "[],", "1]}", bytes),
        filled("{", "\"a\":1,", "\"b\":1}", bytes),
        // One long string, plain and escaped.
        filled(
            "{\"fileName\":\"",
            "x",
            "\",\"contentType\":\"a/b\"}",
            bytes,
        ),
        filled(
            "{\"fileName\":\"a\",\"contentType\":\"",
            "\\u0001",
            "\"}",
            bytes,
        ),
        filled("{\"objectKey\":\"", "\\ud83d\\ude42", "\"}", bytes),
        filled("{\"other\":\"", "\\\"", "\"}", bytes),
        filled("{\"", "x", "\":1}", bytes),
        filled("", "[", "", bytes),
        filled("", " ", "", bytes),
        filled("", "\u{1}", "", bytes),
        filled("{\"size\":", "1", "}", bytes),
    ]
}

/// The peak memory of the process, in kilobytes.
fn peak(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number
        .and_then(|number| number.parse().ok())
        .expect("VmHWM")
}

/// The `MemorySize` of a function in `template.yaml`, in kilobytes.
fn given(function: &str) -> u64 {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../template.yaml");
    let template = std::fs::read_to_string(path).expect("the template");
    let code = format!("CodeUri: crates/functions/{function}\n");
    let (_, rest) = template.split_once(&code).expect("the function");
    let (_, rest) = rest.split_once("MemorySize: ").expect("its memory");
    let number: u64 = rest.lines().next().expect("a number").parse().expect("MB");
    number * 1024
}

#[tokio::test]
async fn no_body_exhausts_the_memory_of_a_function() {
    let stack = Stack::start(&MALLOC).await;
    for (function, method, path, field) in [
        ("presign", "POST", "/presign-upload", "files"),
        ("save-metadata", "POST", "/save-metadata", "objectKeys"),
        ("delete", "POST", "/files/delete", "ids"),
        (
            "rename",
            "PATCH",
            "/files/01890a5d-ac96-774b-bcce-b302099a8057",
            "metadata",
        ),
        ("multipart", "POST", "/multipart-uploads", "fileName"),
        (
            "multipart",
            "POST",
            "/multipart-uploads/01890a5d-ac96-774b-bcce-b302099a8057/parts",
            "partNumbers",
        ),
    ] {
        for (bytes, base64) in [
            (PARSED, false),
            (PARSED, true),
            (EVENT, false),
            (EVENT, true),
        ] {
            // Base64 adds a third to the length.
            let sent = if base64 && bytes == EVENT {
                bytes / 4 * 3
            } else {
                bytes
            };
            // A body that is not parsed only matters by its length.
            let some = if bytes == EVENT { 6 } else { 1 };
            for body in hostile(field, sent).into_iter().step_by(some) {
                let mut event = request("alice", method, path, None);
                event["body"] = if base64 {
                    STANDARD.encode(&body).into()
                } else {
                    body.clone().into()
                };
                event["isBase64Encoded"] = base64.into();
                if event["body"].to_string().len() > EVENT {
                    // Escaping makes it longer than Lambda delivers.
                    continue;
                }
                let shown = &body[..body.len().min(40)];
                let InvocationResult::Answered(said) = stack.invoke(function, &event).await else {
                    panic!("{function} did not answer {shown}");
                };
                let (status, reply) = answer(&said);
                // A body for presigning is a valid rename of a file that does not exist.
                let is_rename = function == "rename" && status == 404;
                assert!(
                    matches!(status, 400 | 413) || is_rename,
                    "{function} {shown}: {status} {reply}"
                );
            }
        }
        let (peak, given) = (peak(stack.pid(function)), given(function));
        assert!(
            peak + LAMBDAS_OWN < given,
            "{function} took {peak} kB; it has {given}"
        );
    }
}
