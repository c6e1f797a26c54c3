//! Compares previews with the files that they belong to. Previews are not counted, because the counts are of files.

use futures_util::stream::{self, StreamExt as _};
use slipway_core::{Error, FileId, ObjectKey};

use super::batch::BatchWorker;

impl BatchWorker<'_> {
    /// Removes previews whose file is gone. The row is read again, because a file may have been
    /// recorded, or another range may have it.
    pub(super) async fn remove_previews(&mut self, previews: Vec<ObjectKey>) -> Result<(), Error> {
        if previews.is_empty() || !self.options.apply {
            return Ok(());
        }
        let live = self.maintain.db.live_ids(&previews).await?;
        let gone = previews.into_iter().filter(|key| !live.contains(&key.id()));
        let gone: Vec<ObjectKey> = gone.collect();
        let remaining = match self.maintain.stores.bucket.delete_reporting(&gone).await {
            Ok(remaining) => remaining,
            Err(error) => return self.failed(error, &gone),
        };
        if let Some(error) = remaining.denied() {
            return Err(error);
        }
        let left = gone.iter().filter(|key| remaining.contains(key));
        crate::deletes::log_remaining(left, &remaining);
        Ok(())
    }

    /// Forgets previews that S3 does not have, so that the function `preview` makes them again. The
    /// list of the bucket may be older than a preview, so a HEAD decides.
    pub(super) async fn lose_previews(&mut self, files: Vec<ObjectKey>) -> Result<(), Error> {
        if files.is_empty() || !self.options.apply {
            return Ok(());
        }
        let bucket = &self.maintain.stores.bucket;
        let mut heads = stream::iter(files)
            .map(async |file| (bucket.head(&file.preview()).await, file))
            .buffer_unordered(self.options.pace.heads);
        let mut lost: Vec<FileId> = Vec::new();
        while let Some((head, file)) = heads.next().await {
            match head {
                Ok(None) => lost.push(file.id()),
                Ok(Some(_)) => {}
                Err(error) => self.failed(error, &[file])?,
            }
        }
        self.maintain.db.lose_previews(&lost).await?;
        Ok(())
    }
}
