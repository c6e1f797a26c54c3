-- What applications build on: the rule of an upload, fields of their own, the checksum of large files, previews.
-- Adding a column rewrites no row: null and a constant default are kept in the catalogue (Postgres 11).
ALTER TABLE s3_files ADD COLUMN IF NOT EXISTS rule text;
ALTER TABLE s3_files ADD COLUMN IF NOT EXISTS metadata jsonb NOT NULL DEFAULT '{}';
ALTER TABLE s3_files ADD COLUMN IF NOT EXISTS checksum_crc64nvme bytea; -- of the whole object; null where S3 has none
ALTER TABLE s3_files ADD COLUMN IF NOT EXISTS preview_etag text;        -- the ETag that the preview was made of
ALTER TABLE s3_files ADD COLUMN IF NOT EXISTS preview_error text;       -- why that ETag has no preview

-- The rule decides at completion whether an existing object is replaced.
ALTER TABLE multipart_uploads ADD COLUMN IF NOT EXISTS rule text;
