-- A user's uploads that were not aborted: they are counted when another one is created, and summed up for the usage.
-- Aborted ones keep their row for a day, so without this a client that creates and aborts makes each count slower.
-- The table has few rows, since completed uploads leave it, so the index is built at once.
CREATE INDEX IF NOT EXISTS multipart_uploads_open ON multipart_uploads (user_id, id) WHERE aborted_at IS NULL;
