//! Makes previews of files: `preview OUT_FOLDER FILE…`. Prints a line for each: its name, the
//! milliseconds of CPU of the fastest of `PREVIEW_ROUNDS` rounds, the size of the preview or the
//! reason, and at the end the peak of memory. The comparison of docs/previews.md uses it, and so
//! does the test of the largest picture.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, fs, io};

use slipway_picture::{Format, preview};

fn main() -> io::Result<()> {
    let mut arguments = env::args().skip(1);
    let Some(out) = arguments.next() else {
        return Err(io::Error::other("usage: preview OUT_FOLDER FILE…"));
    };
    let rounds = env::var("PREVIEW_ROUNDS").ok();
    let rounds: u32 = rounds.and_then(|rounds| rounds.parse().ok()).unwrap_or(1);
    let mut lines = Vec::new();
    for path in arguments {
        let file = fs::read(&path)?;
        let name = Path::new(&path).file_name().unwrap_or_default();
        let mut best = Duration::MAX;
        let mut made = preview(&file);
        for _ in 0..rounds {
            let start = cpu().unwrap_or_default();
            let wall = Instant::now();
            made = preview(&file);
            let spent = cpu().map_or(wall.elapsed(), |end| end.saturating_sub(start));
            best = best.min(spent);
        }
        let result = match made {
            Ok(made) => {
                let kind = if made.format == Format::Png {
                    "png"
                } else {
                    "jpg"
                };
                let to = Path::new(&out).join(name).with_added_extension(kind);
                fs::write(to, &made.bytes)?;
                format!(
                    "{}x{} {} bytes {kind}",
                    made.width,
                    made.height,
                    made.bytes.len()
                )
            }
            Err(reason) => reason.to_string(),
        };
        let best = best.as_secs_f64() * 1e3;
        lines.push(format!("{}\t{best:.1}\t{result}", name.display()));
    }
    lines.push(format!("peak\t{}", peak().unwrap_or_default()));
    io::Write::write_all(&mut io::stdout(), (lines.join("\n") + "\n").as_bytes())
}

/// The time that this thread has been running, with nanoseconds. Only on Linux.
fn cpu() -> Option<Duration> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds))
}

/// The largest resident memory of this process, in kB.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
