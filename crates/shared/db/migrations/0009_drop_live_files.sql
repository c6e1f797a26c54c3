-- 8 does its work. Not in one transaction with 8: whoever waited to write while 8 made its index has begun to read, and
-- dropping one waits for readers, so that each would wait for the other.
DROP INDEX IF EXISTS s3_files_live;
