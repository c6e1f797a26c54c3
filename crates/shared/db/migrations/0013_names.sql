-- The order of a list by name. Files with one prefix are neighbours in it, and a list of folders jumps from one to the
-- next. Of live files alone: a tombstone is in no such list, and leaving it out makes deletes cheaper.
--
-- COLLATE "C" compares bytes, whatever the database's locale is. A row of the index has at most 255 bytes of user,
-- 768 of name and 16 of id, less than half of what a B-tree allows (2,704).

-- An interrupted CREATE INDEX CONCURRENTLY leaves an index that no statement can use, and IF NOT EXISTS would keep it.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_index
               WHERE indexrelid = to_regclass('s3_files_user_id_file_name_id') AND NOT indisvalid) THEN
        RAISE EXCEPTION 'index s3_files_user_id_file_name_id is invalid: its CREATE INDEX CONCURRENTLY is still running,'
            ' or was interrupted. Wait for it, or drop the index and create it again';
    END IF;
END
$$;
CREATE INDEX IF NOT EXISTS s3_files_user_id_file_name_id ON s3_files (user_id, file_name COLLATE "C", id)
    WHERE deleted_at IS NULL;
