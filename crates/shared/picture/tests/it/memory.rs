//! The largest pictures fit the memory of the function.
//!
//! Each is decoded in a process of its own, whose peak Linux reports. The file of 64 MiB is counted
//! on top, since the function has it in memory.

use std::process::Command;
use std::{env, fs};

use jpeg_encoder::{ColorType, SamplingFactor};
use png::BitDepth;
use slipway_picture::{MAX_BYTES, preview};

use crate::make::{Jpeg, animated, png};

/// The file to decode, in the child.
const FILE: &str = "SLIPWAY_PICTURE_FILE";

/// The `MemorySize` of the function, in MiB.
const MEMORY_SIZE: u64 = 1769;

/// What the rest of the function takes, the AWS runtime included, in MiB.
const REST: u64 = 128;

#[test]
fn the_child() {
    let Ok(path) = env::var(FILE) else { return };
    let file = fs::read(path).expect("a file");
    let made = preview(&file).expect("a preview");
    assert_eq!(made.width.max(made.height), 512);
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .expect("a peak");
    println!("{line}");
}

/// The peak of decoding a file, in MiB.
fn peak(name: &str, file: &[u8]) -> u64 {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(name);
    fs::write(&path, file).expect("a file");
    let child = Command::new(env::current_exe().expect("a program"))
        .args(["memory::the_child", "--exact", "--nocapture"])
        .env(FILE, &path)
        .output()
        .expect("a child");
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{name}: {said}");
    let (_, peak) = said.split_once("VmHWM:").expect("a peak");
    let kilobytes: u64 = peak
        .split_whitespace()
        .next()
        .and_then(|n| n.parse().ok())
        .expect("a number");
    let peak = (kilobytes * 1024 + MAX_BYTES - file.len() as u64) / (1024 * 1024);
    println!("{name}: {peak} MiB");
    peak
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "the peak is read from /proc")]
fn the_largest_pictures_fit() {
    let side = 8192;
    let row: Vec<u8> = (0..side)
        .flat_map(|x: u32| [x as u8, (x / 7) as u8, 99, 200])
        .collect();
    let whole = |channels: usize| -> Vec<u8> {
        let row: Vec<u8> = row
            .chunks_exact(4)
            .flat_map(|pixel| &pixel[..channels])
            .copied()
            .collect();
        row.repeat(side as usize)
    };
    let progressive = Jpeg {
        progressive: true,
        sampling: SamplingFactor::R_4_4_4,
        ..Jpeg::default()
    };
    let wide = [row.as_slice(), &row].concat();
    let files = [
        (
            "progressive.jpg",
            progressive.of(&whole(3), ColorType::Rgb, side, side),
        ),
        (
            "16-bit.png",
            png(side, side, png::ColorType::Rgba, BitDepth::Sixteen, |_| {
                wide.clone()
            }),
        ),
        ("animated.webp", animated(&whole(4), side, side)),
    ];
    for (name, file) in files {
        let peak = peak(name, &file);
        assert!(peak + REST < MEMORY_SIZE, "{name}: {peak} MiB");
    }
}
