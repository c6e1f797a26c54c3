-- Giving up an upload may be repeated: its row stays a while, so that an answer can tell it from a stranger's.
ALTER TABLE multipart_uploads ADD COLUMN IF NOT EXISTS aborted_at timestamptz;
