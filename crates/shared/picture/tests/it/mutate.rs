//! Mutated pictures: no panic, and no work without bound.
//!
//! For two seconds in an ordinary run, and as long as `SLIPWAY_FUZZ_SECONDS` says (300 for minutes,
//! 3600 for an hour). `SLIPWAY_SEED` repeats a run.

use std::env;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use png::BitDepth;
use slipway_picture::preview;

use crate::make::{Jpeg, animated, gif, png, quarters, webp};

/// The longest time that a mutated file of this size may take. An unmutated one takes milliseconds;
/// the factor is for a busy machine.
const LONGEST: Duration = Duration::from_secs(20);

/// A generator of random numbers (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).expect("an index")
    }
}

fn mutated(file: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for _ in 0..=random.below(4) {
        // Headers are where most decisions are made.
        let end = if random.below(3) == 0 {
            bytes.len()
        } else {
            bytes.len().min(200)
        };
        let at = random.below(end);
        match random.below(6) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            2 => bytes[at] = u8::try_from(random.below(256)).expect("a byte"),
            3 => {
                let to = (at + random.below(64)).min(bytes.len());
                let part = bytes[at..to].to_vec();
                bytes.splice(at..at, part);
            }
            4 => drop(bytes.drain(at..(at + random.below(16)).min(bytes.len()))),
            _ => {
                let from = random.below(other.len());
                let part = other[from..(from + random.below(64)).min(other.len())].to_vec();
                bytes.splice(at..at, part);
            }
        }
        if bytes.is_empty() {
            break;
        }
    }
    bytes
}

/// Mutates `files` for some time. Prints the seed, with which a failure can be repeated.
pub(crate) fn mutate(files: &[Vec<u8>]) {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse().ok());
    let seconds = number("SLIPWAY_FUZZ_SECONDS").unwrap_or(2);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time");
    let seed = number("SLIPWAY_SEED").unwrap_or(now.as_secs());
    let mut random = Random(seed);
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut tried, mut made) = (0, 0);
    while Instant::now() < end {
        let file = &files[random.below(files.len())];
        let other = &files[random.below(files.len())];
        let bytes = mutated(file, other, &mut random);
        let start = Instant::now();
        let result = std::panic::catch_unwind(|| preview(&bytes).is_ok());
        let took = start.elapsed();
        tried += 1;
        match result {
            Ok(is_made) => made += u32::from(is_made),
            Err(_) => panic!("file {tried} of seed {seed} panicked: {}", kept(&bytes)),
        }
        assert!(
            took < LONGEST,
            "file {tried} of seed {seed} took {took:?}: {}",
            kept(&bytes)
        );
    }
    println!("seed {seed}: {made} previews of {tried} mutated files");
}

/// Writes a file that failed to where it can be looked at.
fn kept(bytes: &[u8]) -> String {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutated");
    std::fs::write(&path, bytes).expect("a file");
    path.display().to_string()
}

#[test]
fn mutated_pictures_are_previews_or_reasons() {
    let data = quarters(40, 30);
    let alpha: Vec<u8> = data
        .chunks_exact(3)
        .flat_map(|rgb| [rgb[0], rgb[1], rgb[2], rgb[0]])
        .collect();
    let files = [
        Jpeg::default().quarters(60, 40),
        Jpeg {
            progressive: true,
            orientation: 6,
            ..Jpeg::default()
        }
        .quarters(60, 40),
        png(40, 30, png::ColorType::Rgb, BitDepth::Eight, |_| {
            quarters(40, 1)
        }),
        png(40, 30, png::ColorType::Indexed, BitDepth::Two, |_| {
            vec![0x1b; 10]
        }),
        webp(&data, image_webp::ColorType::Rgb8, 40, 30),
        webp(&alpha, image_webp::ColorType::Rgba8, 40, 30),
        animated(&alpha, 40, 30),
        gif(40, 30),
    ];
    mutate(&files);
}
