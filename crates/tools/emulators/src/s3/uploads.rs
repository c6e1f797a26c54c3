//! Unfinished multipart uploads: a folder for each, with a file for each part.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use s3s::S3Result;
use serde::{Deserialize, Serialize};

use super::checksum::{Algorithm, Sum};
use super::fault::{disk, no_such_upload};
use super::object::{Description, Moment};
use super::policy::Tags;
use super::sealed::{Sealed, read_record};
use super::store::{Store, StoreState};

/// The file in an upload's folder that describes it.
const ABOUT: &str = "upload.json";

/// By key, then by id, which grows with time: S3's order.
pub(super) type Uploads = BTreeMap<(String, String), Upload>;

/// An upload and its parts.
pub(super) struct Upload {
    pub(super) about: About,
    pub(super) parts: BTreeMap<i32, Part>,
}

/// The description of the object from the begin of the upload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) initiated: Moment,
    /// The checksum algorithm that its parts must have, if there is one.
    pub(super) algorithm: Option<Algorithm>,
    pub(super) composite: bool,
    pub(super) described: Description,
    #[serde(default)]
    pub(super) tags: Tags,
}

/// A part's record, stored behind its bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) number: i32,
    pub(super) size: u64,
    /// Without quotes.
    pub(super) etag: String,
    pub(super) modified: Moment,
    pub(super) checksum: Option<Sum>,
}

impl StoreState {
    pub(super) fn upload(&mut self, key: &str, id: &str) -> S3Result<&mut Upload> {
        let name = (key.to_owned(), id.to_owned());
        self.uploads.get_mut(&name).ok_or_else(no_such_upload)
    }
}

impl Store {
    pub(super) fn begin_upload(&self, about: About) -> S3Result<()> {
        let directory = self.uploads_directory().join(&about.id);
        fs::create_dir_all(&directory).map_err(disk)?;
        let text = serde_json::to_vec(&about).map_err(|error| disk(error.into()))?;
        fs::write(directory.join(ABOUT), text).map_err(disk)?;
        let name = (about.key.clone(), about.id.clone());
        let upload = Upload {
            about,
            parts: BTreeMap::new(),
        };
        self.state().uploads.insert(name, upload);
        Ok(())
    }

    /// Makes a sealed file a part, replacing the one with its number.
    pub(super) fn put_part(&self, key: &str, id: &str, part: Part, sealed: Sealed) -> S3Result<()> {
        let mut state = self.state();
        let upload = state.upload(key, id)?;
        let path = self
            .uploads_directory()
            .join(id)
            .join(part.number.to_string());
        sealed.publish(&path).map_err(disk)?;
        upload.parts.insert(part.number, part);
        Ok(())
    }

    /// The bytes of a part, with their record.
    pub(super) fn read_part(&self, id: &str, number: i32) -> io::Result<(Part, File)> {
        let file = File::open(self.uploads_directory().join(id).join(number.to_string()))?;
        Ok((read_record(&file)?, file))
    }

    /// Deletes an upload and its parts.
    pub(super) fn end_upload(&self, state: &mut StoreState, key: &str, id: &str) -> S3Result<()> {
        let name = (key.to_owned(), id.to_owned());
        state.uploads.remove(&name).ok_or_else(no_such_upload)?;
        fs::remove_dir_all(self.uploads_directory().join(id)).map_err(disk)
    }
}

/// Loads the unfinished uploads. Blocks.
pub(super) fn load(directory: &Path) -> io::Result<Uploads> {
    fs::create_dir_all(directory)?;
    let mut uploads = Uploads::new();
    for entry in fs::read_dir(directory)? {
        let folder = entry?.path();
        // A crash may leave a folder without a description, or with a part of its files.
        let about =
            fs::read(folder.join(ABOUT)).and_then(|text| Ok(serde_json::from_slice(&text)?));
        let Ok(about): io::Result<About> = about else {
            fs::remove_dir_all(&folder)?;
            continue;
        };
        let mut parts = BTreeMap::new();
        for file in fs::read_dir(&folder)? {
            let path = file?.path();
            if path.ends_with(ABOUT) {
                continue;
            }
            match read_record::<Part>(&File::open(&path)?) {
                Ok(part) => {
                    parts.insert(part.number, part);
                }
                Err(error) => {
                    tracing::warn!(%error, path = %path.display(), "skipping a damaged part");
                }
            }
        }
        uploads.insert(
            (about.key.clone(), about.id.clone()),
            Upload { about, parts },
        );
    }
    Ok(uploads)
}
