-- Measures the space that recording and deleting files leaves in the tables, and the space that VACUUM
-- and REINDEX recover. docs/postgres.md has the figures.
--
-- Run it in an empty database of its own, never in one with files:
--
--     createdb scratch && export DATABASE_URL=postgres://…/scratch
--     cargo run -p slipway-migrate
--     psql "$DATABASE_URL" -v live=20000 -v cycles=200000 -v every=0.2 -f docs/postgres/bloat.sql
--
-- `every` is the share of dead rows that starts a VACUUM, as autovacuum_vacuum_scale_factor. 0 means never.

\set ON_ERROR_STOP on
\set QUIET on
\pset footer off
\timing off
SELECT count(*) > 0 AS has_files FROM s3_files \gset
\if :has_files
    \echo 'There are files in this database: use one of its own.'
    \quit
\endif

-- Only this script runs VACUUM.
ALTER TABLE s3_files SET (autovacuum_enabled = off);

CREATE PROCEDURE pg_temp.record(first bigint, many bigint) LANGUAGE sql AS $$
    INSERT INTO s3_files (id, object_key, bucket, file_url, user_id, file_name, content_type, size, etag, upload_timestamp)
    SELECT id, owner || '/' || id || '/Holiday-' || n % 100 || '.jpg', 'uploads', 'https://uploads.s3.amazonaws.com/' || owner || '/' || id,
           owner, 'Holiday ' || n % 100 || '.jpg', 'image/jpeg', n % 5000000, md5(n::text), now()
    FROM (SELECT n, 'user-' || n % 200 AS owner,
                 overlay(overlay(md5(n::text) PLACING lpad(to_hex(1700000000000 + n), 12, '0') FROM 1) PLACING '7' FROM 13)::uuid AS id
          FROM generate_series(first, first + many - 1) AS n) AS files
$$;

-- The life cycle of a file: recorded, deleted by its owner, object removed, tombstone dropped.
CREATE PROCEDURE pg_temp.cycle(first bigint, many bigint) LANGUAGE plpgsql AS $$
DECLARE
    ids uuid[];
BEGIN
    CALL pg_temp.record(first, many);
    SELECT array_agg(overlay(overlay(md5(n::text) PLACING lpad(to_hex(1700000000000 + n), 12, '0') FROM 1) PLACING '7' FROM 13)::uuid)
        INTO ids FROM generate_series(first, first + many - 1) AS n;
    COMMIT;
    UPDATE s3_files SET deleted_at = now() WHERE id = ANY (ids);
    COMMIT;
    UPDATE s3_files SET removed_at = now() WHERE id = ANY (ids);
    COMMIT;
    DELETE FROM s3_files WHERE id = ANY (ids);
    COMMIT;
END
$$;

CREATE VIEW pg_temp.sizes AS
SELECT pg_relation_size(c.oid) AS bytes, c.relname AS name, c.relkind AS kind FROM pg_class AS c
WHERE c.oid = 's3_files'::regclass OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 's3_files'::regclass);

CREATE FUNCTION pg_temp.show(what text) RETURNS TABLE ("after" text, heap text, indexes text, each_index text) LANGUAGE sql AS $$
    SELECT what, pg_size_pretty(sum(bytes) FILTER (WHERE kind = 'r')), pg_size_pretty(sum(bytes) FILTER (WHERE kind = 'i')),
           string_agg(name || ' ' || pg_size_pretty(bytes), ', ' ORDER BY name) FILTER (WHERE kind = 'i')
    FROM pg_temp.sizes
$$;

CALL pg_temp.record(1, :live);
VACUUM (ANALYZE) s3_files;
SELECT * FROM pg_temp.show('live rows alone');

-- Each file of a cycle leaves three dead rows: as it was recorded, as it was deleted, as its object was removed.
SELECT CASE WHEN :every = 0 THEN 1000 ELSE greatest(1, least(1000, :live * :every / 3)) END::bigint AS batch \gset
SELECT CASE WHEN :every = 0 THEN 0 ELSE greatest(1, round(:live * :every / 3 / :batch)) END::bigint AS vacuums \gset
\o /dev/null
SELECT CASE WHEN part = 1 THEN format('CALL pg_temp.cycle(%s, %s)', :live + 1 + n * :batch, :batch) ELSE 'VACUUM s3_files' END
FROM generate_series(0, :cycles / :batch - 1) AS n CROSS JOIN generate_series(1, 2) AS part
WHERE part = 1 OR (:vacuums > 0 AND (n + 1) % greatest(:vacuums, 1) = 0)
ORDER BY n, part \gexec
\o
SELECT * FROM pg_temp.show('the cycles');
VACUUM s3_files;
SELECT * FROM pg_temp.show('one VACUUM more');
REINDEX TABLE CONCURRENTLY s3_files;
SELECT * FROM pg_temp.show('REINDEX TABLE CONCURRENTLY');
