-- The CRC-64/NVME that the first completion sent to S3 has named; empty if it named none, null before one was sent. Only
-- this completion may remove the file for a mismatch. A later one with another checksum changes nothing.
ALTER TABLE multipart_uploads ADD COLUMN IF NOT EXISTS completed_with bytea;
