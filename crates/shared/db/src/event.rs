//! Inserts the events of a change in the statement that makes the change.
//!
//! A statement with events is another text. Without events the text is what it was before there
//! were any, so webhooks cost nothing where they are off. The id of each event is made here and
//! passed as a parameter. It is a UUID version 7, so that new events are neighbours in the primary
//! key, and old ones are found by it.

use uuid::Uuid;

/// A CTE that inserts one event for each row of `$rest`, which begins with ` FROM` and names
/// `f`, a row of `s3_files` as the change left it. It replaces the end of the CTE before it.
macro_rules! insert_event {
    ($id:literal, $type:literal, $detail:literal, $rest:literal) => {
        concat!(
            "\
), event AS (
    INSERT INTO webhook_events
        (id, type, detail, user_id, file_id, object_key, file_name, content_type, size, etag, rule, metadata,
         checksum_sha256, checksum_crc64nvme, upload_timestamp)
    SELECT ",
            $id,
            ", ",
            $type,
            ", ",
            $detail,
            ", f.user_id, f.id, f.object_key, f.file_name, f.content_type, f.size, f.etag, f.rule, f.metadata,
           f.checksum_sha256, f.checksum_crc64nvme, f.upload_timestamp
   ",
            $rest,
            "\n"
        )
    };
}

pub(crate) use insert_event;

/// The ids of up to `count` events, in ascending order.
pub(crate) fn event_ids(count: usize) -> Vec<Uuid> {
    (0..count).map(|_| Uuid::now_v7()).collect()
}
