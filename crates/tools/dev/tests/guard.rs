//! A guarded program ends with its parent, however that ends.
#![expect(clippy::expect_used, reason = "tests fail by panics")]
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use slipway_emulators::guard::{Guard, Guarded, Program};

const EXE: &str = env!("CARGO_BIN_EXE_slipway-dev");

fn spawn(script: &str) -> (Guarded, BufReader<std::process::ChildStdout>) {
    let program = Program::new("sh")
        .args(["-c", script])
        .grace(Duration::from_millis(500))
        .stdout(Stdio::piped());
    let mut guarded = Guard::new(EXE).spawn(program).expect("starts");
    let stdout = guarded.take_stdout().expect("piped");
    (guarded, BufReader::new(stdout))
}

fn read_pid(from: &mut impl BufRead) -> i32 {
    let mut line = String::new();
    from.read_line(&mut line).expect("a line");
    line.trim().parse().expect("a pid")
}

fn lives(pid: i32) -> bool {
    // A zombie keeps its process id until its new parent reaps it.
    let zombie = fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.starts_with(" Z"))
    });
    !zombie && Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok())
}

fn assert_ends(pid: i32) {
    let until = Instant::now() + Duration::from_secs(5);
    while lives(pid) {
        assert!(Instant::now() < until, "{pid} lives on");
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn dropping_ends_the_program_and_its_children() {
    let (guarded, mut out) = spawn("sleep 1000 & echo $!; wait");
    let (pid, child) = (guarded.pid(), read_pid(&mut out));
    assert!(lives(pid) && lives(child));
    drop(guarded);
    assert_ends(pid);
    assert_ends(child);
}

#[test]
fn a_program_that_ignores_its_signal_is_killed() {
    let (guarded, mut out) = spawn("trap '' TERM; echo $$; while :; do sleep 0.05; done");
    let pid = read_pid(&mut out);
    let status = guarded.stop().expect("stops");
    assert_eq!(status.code(), Some(128 + 9));
    assert_ends(pid);
}

#[test]
fn its_exit_code_is_reported() {
    let (mut guarded, _out) = spawn("exit 7");
    let until = Instant::now() + Duration::from_secs(5);
    let status = loop {
        if let Some(status) = guarded.try_wait().expect("waits") {
            break status;
        }
        assert!(Instant::now() < until, "no end seen");
        sleep(Duration::from_millis(10));
    };
    assert_eq!(status.code(), Some(7));
}

#[test]
fn a_program_that_does_not_exist_is_named() {
    let error = Guard::new(EXE)
        .spawn(Program::new("no-such-program"))
        .expect_err("cannot start");
    assert!(error.to_string().contains("cannot start no-such-program"));
}

/// This test program as the parent that is killed: it runs the ignored test below.
#[test]
fn kill_9_of_the_parent_ends_the_program() {
    let mut parent = Command::new(std::env::current_exe().expect("a path"))
        .args(["--exact", "parent_that_waits", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(parent.stdout.take().expect("piped")).lines();
    let pid = lines
        .find_map(|line| line.ok()?.strip_prefix("the pid is ")?.parse().ok())
        .expect("a pid");
    assert!(lives(pid));
    parent.kill().expect("is killed");
    parent.wait().expect("is reaped");
    assert_ends(pid);
}

#[test]
#[ignore = "a part of the test above, which runs it"]
fn parent_that_waits() {
    let (guarded, _out) = spawn("exec sleep 1000");
    println!("the pid is {}", guarded.pid());
    sleep(Duration::from_mins(1));
}

#[test]
fn a_killed_keeper_does_not_leave_the_program() {
    let (mut guarded, mut out) = spawn("echo $PPID; exec sleep 1000");
    let (keeper, pid) = (read_pid(&mut out), guarded.pid());
    let keeper = Pid::from_raw(keeper).expect("a pid");
    kill_process(keeper, Signal::KILL).expect("is killed");
    while guarded.try_wait().expect("waits").is_none() {
        sleep(Duration::from_millis(10));
    }
    assert_ends(pid);
}

#[test]
fn ctrl_c_and_sigterm_to_a_keeper_stop_the_program_too() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (guarded, mut out) = spawn("echo $PPID; exec sleep 1000");
        let (keeper, pid) = (read_pid(&mut out), guarded.pid());
        let keeper = Pid::from_raw(keeper).expect("a pid");
        kill_process(keeper, signal).expect("is told");
        assert_ends(pid);
    }
}
