-- Why a tombstone is one, if its owner did not delete the file: the code that the upload was refused with.
ALTER TABLE s3_files ADD COLUMN IF NOT EXISTS refused text;
