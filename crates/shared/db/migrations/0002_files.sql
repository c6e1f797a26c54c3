-- Objects and what they add up to.
CREATE TABLE IF NOT EXISTS s3_files (
    id uuid PRIMARY KEY,                      -- version 7, made at presign: its order is that of the uploads
    object_key text COLLATE "C" NOT NULL UNIQUE,
    bucket text NOT NULL,
    file_url text NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    file_name text NOT NULL,
    content_type text NOT NULL,               -- what S3 has
    detected_type text,                       -- what the bytes are
    scan_status text,
    size bigint NOT NULL CHECK (size >= 0),
    etag text NOT NULL,
    checksum_sha256 bytea,                    -- null when composite
    upload_timestamp timestamptz NOT NULL,    -- S3's Last-Modified
    deleted_at timestamptz                    -- a tombstone, until maintain has removed the object
);

-- One backward scan serves newest-first keyset pages.
CREATE INDEX IF NOT EXISTS s3_files_user_id_id ON s3_files (user_id, id);
-- Deletes whose object may still be there, oldest first.
CREATE INDEX IF NOT EXISTS s3_files_deleted_at ON s3_files (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS user_usage (
    user_id text COLLATE "C" PRIMARY KEY,
    files bigint NOT NULL,
    bytes bigint NOT NULL,
    quota_bytes bigint,                       -- as it was when the user's bytes last grew; null without one
    CONSTRAINT user_usage_within_quota CHECK (bytes <= quota_bytes)
);

CREATE TABLE IF NOT EXISTS multipart_uploads (
    id uuid PRIMARY KEY,                      -- the id that the file will have
    user_id text COLLATE "C" NOT NULL,
    object_key text COLLATE "C" NOT NULL,
    upload_id text NOT NULL,
    file_name text NOT NULL,
    content_type text NOT NULL,
    size bigint NOT NULL CHECK (size > 0),
    part_size bigint NOT NULL CHECK (part_size > 0),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS multipart_uploads_user_id_id ON multipart_uploads (user_id, id);
