-- The order of a list, in which live files come together: one backward scan serves a page, whatever else is in the table.
-- No other index has this order. By (user_id, id) Postgres took the primary key instead where it believed a user to have
-- many of the newest files, and walked backwards over everybody's.
CREATE INDEX IF NOT EXISTS s3_files_user_id_deleted_at_id ON s3_files (user_id, deleted_at, id);
