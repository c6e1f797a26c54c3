//! A build replaces the processes of a function, and no request is lost.

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::SystemTime;

use crate::harness::{Stack, eventually, program};

const CLIENTS: usize = 6;

/// Sends requests while the binary of `files` is replaced twice.
pub(crate) fn loses_no_request(stack: &Stack) {
    let (done, answered) = (AtomicBool::new(false), AtomicU32::new(0));
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let list = stack.list();
                    assert!(list.contains(r#""success":true"#), "{list}");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..2 {
            let before = stack.processes("files");
            assert!(before.len() > 1, "several requests run at once: {before:?}");
            let binary = File::open(program(before[0]).expect("its program"));
            // The modification time as after a build. Cargo uses its own records.
            let touched = binary.expect("the binary").set_modified(SystemTime::now());
            touched.expect("a newer time");
            eventually("new processes in place of all old ones", || {
                let now = stack.processes("files");
                now.len() == before.len() && !now.iter().any(|pid| before.contains(pid))
            });
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(answered.load(Ordering::Relaxed) > 0);
}
