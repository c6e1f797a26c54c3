-- Live pictures whose current ETag has neither a preview nor a reason for having none: what the function preview makes
-- on its schedule. Nearly empty where previews are on, and read by nothing else.
--
-- COLLATE "C" makes the pattern the same in every locale.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_index
               WHERE indexrelid = to_regclass('s3_files_without_preview') AND NOT indisvalid) THEN
        RAISE EXCEPTION 'index s3_files_without_preview is invalid: its CREATE INDEX CONCURRENTLY is still running,'
            ' or was interrupted. Wait for it, or drop the index and create it again';
    END IF;
END
$$;
CREATE INDEX IF NOT EXISTS s3_files_without_preview ON s3_files (id)
    WHERE deleted_at IS NULL AND preview_etag IS DISTINCT FROM etag
      AND lower(content_type COLLATE "C") ~ '^image/(jpeg|png|webp|gif) *(;|$)';
