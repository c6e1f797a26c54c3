//! Removal of objects. Removing what is not there succeeds, so it can be repeated.

use std::collections::HashSet;

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use slipway_core::{Error, ObjectKey};

use crate::client::Bucket;
use crate::error::fault;

impl Bucket {
    /// Removes one object.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        let request = self
            .client
            .delete_object()
            .bucket(&self.name)
            .key(key.as_str());
        request
            .send()
            .await
            .map_err(|error| fault("remove the object from S3", error))?;
        Ok(())
    }

    /// Removes up to 1,000 objects in one call (S3's limit), and tells how many S3 did not remove.
    pub async fn delete_many(&self, keys: &[ObjectKey]) -> Result<usize, Error> {
        Ok(self.delete_reporting(keys).await?.len())
    }

    /// The same, and tells the keys that S3 did not remove.
    pub async fn delete_reporting(&self, keys: &[ObjectKey]) -> Result<HashSet<String>, Error> {
        let what = "remove objects from S3";
        let objects = keys
            .iter()
            .map(|key| ObjectIdentifier::builder().key(key.as_str()).build())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Error::internal(what, error))?;
        // Quiet: only what failed is listed.
        let delete = Delete::builder()
            .set_objects(Some(objects))
            .quiet(true)
            .build()
            .map_err(|error| Error::internal(what, error))?;
        let answer = self
            .client
            .delete_objects()
            .bucket(&self.name)
            .delete(delete)
            .send()
            .await
            .map_err(|error| fault(what, error))?;
        let failed = answer.errors().iter();
        // An error that names no key is nobody's, and so everybody's.
        if failed.clone().any(|error| error.key().is_none()) {
            return Ok(keys.iter().map(|key| key.as_str().to_owned()).collect());
        }
        Ok(failed
            .filter_map(|error| error.key().map(str::to_owned))
            .collect())
    }
}
