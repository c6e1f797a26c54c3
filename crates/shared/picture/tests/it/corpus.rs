//! The pictures that Pillow is tested with, among them files that broke decoders: as they are, and
//! mutated. pip downloads them once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use slipway_picture::{Format, preview};

use crate::mutate::mutate;

const PACKAGE: &str = "pillow==13.0.0";
const ARCHIVE: &str = "pillow-13.0.0.tar.gz";

/// The folder with the pictures.
fn folder() -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    let images = root.join("pillow-13.0.0/Tests/images");
    if images.join("hopper.jpg").is_file() {
        return images;
    }
    fs::create_dir_all(&root).expect("a folder");
    let run = |program: &str, arguments: &[&str]| {
        let done = Command::new(program)
            .args(arguments)
            .current_dir(&root)
            .output();
        let done = done.unwrap_or_else(|error| panic!("{program} does not start: {error}"));
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{program} failed: {said}");
    };
    // Debian's python3 has no pip outside of a venv.
    run("python3", &["-m", "venv", "venv"]);
    let download = [
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-binary",
        "pillow",
        PACKAGE,
    ];
    run("venv/bin/python", &download);
    run("tar", &["xzf", ARCHIVE, "pillow-13.0.0/Tests/images"]);
    images
}

fn files() -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder()).expect("a folder");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, fs::read(path).expect("a file"))
        })
        .filter(|(_, bytes)| Format::of(bytes).is_some())
        .collect();
    files.sort();
    files
}

#[test]
fn pictures_of_other_programs() {
    let files = files();
    assert!(files.len() > 400, "{}", files.len());
    let mut broken: Vec<&str> = Vec::new();
    for (name, bytes) in &files {
        if preview(bytes).is_err() {
            broken.push(name);
        }
    }
    // Pillow's own tests expect errors for nearly all of them.
    assert!(broken.len() < files.len() / 20, "{broken:?}");
    for name in ["truncated_jpeg.jpg", "truncated_image.png", "broken.png"] {
        let is_there = files.iter().any(|(file, _)| file == name);
        assert!(!is_there || broken.contains(&name), "{name}");
    }
    let small = files.into_iter().map(|(_, bytes)| bytes);
    let small: Vec<_> = small.filter(|bytes| bytes.len() < 50_000).collect();
    mutate(&small);
}
