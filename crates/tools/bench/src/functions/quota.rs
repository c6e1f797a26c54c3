//! A share of one core, as a small function has: 128 MB gets about a fourteenth.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use std::ffi::OsStr;

/// Lambda gives one core to 1,769 MB ("Configure Lambda function memory", AWS Lambda Developer
/// Guide), and schedules shares in periods of 20 ms.
const PERIOD_US: u64 = 20_000;
const MB_OF_A_CORE: u64 = 1769;

/// A control group that limits its processes. It is removed when dropped.
#[derive(Debug)]
pub(super) struct Quota {
    folder: PathBuf,
}

impl Quota {
    /// A group for a function of this memory size. The error is the reason why this machine has
    /// none.
    pub(super) fn of_megabytes(megabytes: u64) -> io::Result<Self> {
        let quota = (PERIOD_US * megabytes / MB_OF_A_CORE).to_string();
        let period = PERIOD_US.to_string();
        let name = format!("slipway-bench-{}", std::process::id());
        let second = Path::new("/sys/fs/cgroup/cgroup.controllers");
        if second.exists() {
            let group = Self::make(Path::new("/sys/fs/cgroup").join(name))?;
            group.set("cpu.max", &format!("{quota} {period}"))?;
            return Ok(group);
        }
        let group = Self::make(Path::new("/sys/fs/cgroup/cpu").join(name))?;
        group.set("cpu.cfs_period_us", &period)?;
        group.set("cpu.cfs_quota_us", &quota)?;
        Ok(group)
    }

    fn make(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir(&folder)
            .map_err(|error| io::Error::other(format!("{}: {error}", folder.display())))?;
        Ok(Self { folder })
    }

    fn set(&self, name: &str, value: &str) -> io::Result<()> {
        let file = self.folder.join(name);
        fs::write(&file, value)
            .map_err(|error| io::Error::other(format!("{}: {error}", file.display())))
    }

    /// Starts `program` in the group, through a shell that enters the group first and costs a
    /// millisecond.
    pub(super) fn command(&self, program: &OsStr) -> Command {
        let mut command = Command::new("/bin/sh");
        command
            .arg("-c")
            .arg("echo 0 > \"$0\" && exec \"$@\"")
            .arg(self.folder.join("cgroup.procs"))
            .arg(program);
        command
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        // Its processes have ended. A group that cannot be removed is empty.
        let _ = fs::remove_dir(&self.folder);
    }
}
