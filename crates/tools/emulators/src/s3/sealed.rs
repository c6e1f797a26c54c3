//! The file of an object: its bytes, its record, and the record's length.
//!
//! A single rename thus creates or replaces a whole object.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::{NamedTempFile, TempPath};
use tokio::io::{AsyncWriteExt as _, BufWriter};

/// Enough for a typical record, so that one read gets all of it.
const TAIL: u64 = 4096;
const LENGTH: usize = size_of::<u64>();

/// A file that is being written. It is deleted if dropped.
pub(super) struct Draft {
    file: BufWriter<tokio::fs::File>,
    path: TempPath,
    pub(super) size: u64,
}

/// A complete file without its name. It is deleted if dropped.
pub(super) struct Sealed(TempPath);

impl Draft {
    pub(super) fn create(directory: &Path) -> io::Result<Self> {
        let (file, path) = NamedTempFile::new_in(directory)?.into_parts();
        let file = BufWriter::with_capacity(256 * 1024, tokio::fs::File::from_std(file));
        Ok(Self {
            file,
            path,
            size: 0,
        })
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.size += bytes.len() as u64;
        self.file.write_all(bytes).await
    }

    pub(super) async fn seal(mut self, record: &impl Serialize) -> io::Result<Sealed> {
        let record = serde_json::to_vec(record)?;
        self.file.write_all(&record).await?;
        self.file
            .write_all(&(record.len() as u64).to_be_bytes())
            .await?;
        self.file.flush().await?;
        Ok(Sealed(self.path))
    }
}

impl Sealed {
    /// Renames the file to its name, replacing an existing file.
    pub(super) fn publish(self, path: &Path) -> io::Result<()> {
        self.0.persist(path).map_err(|error| error.error)
    }
}

/// Reads the record at the end of a file.
pub(super) fn read_record<T: DeserializeOwned>(file: &File) -> io::Result<T> {
    let size = file.metadata()?.len();
    let mut tail = read_tail(file, size, size.min(TAIL))?;
    let length = tail
        .split_last_chunk::<LENGTH>()
        .map(|(_, length)| u64::from_be_bytes(*length));
    let whole = length.and_then(|length| length.checked_add(LENGTH as u64));
    let Some(whole) = whole.filter(|whole| *whole <= size) else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "not a sealed file",
        ));
    };
    if whole > tail.len() as u64 {
        tail = read_tail(file, size, whole)?;
    }
    let skipped = tail.len() - usize::try_from(whole).map_err(io::Error::other)?;
    Ok(serde_json::from_slice(&tail[skipped..tail.len() - LENGTH])?)
}

fn read_tail(file: &File, size: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut tail = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact_at(&mut tail, size - length)?;
    Ok(tail)
}
