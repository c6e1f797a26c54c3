-- A list walks over live files alone: who deletes many would walk over all their tombstones with every page, until
-- maintain removes them a day later.
CREATE INDEX IF NOT EXISTS s3_files_live ON s3_files (user_id, id) WHERE deleted_at IS NULL;
