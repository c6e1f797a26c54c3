-- Measures the cost of the index of names for each write: blocks of 8 KB, WAL and disk space.
-- docs/postgres.md has the figures.
--
-- Run it as a superuser in an empty database of its own, never in one with files:
--
--     createdb scratch && export DATABASE_URL=postgres://…/scratch
--     cargo run -p slipway-migrate
--     psql "$DATABASE_URL" -v live=200000 -v writes=20000 -f docs/postgres/names.sql
--
-- Names have 41 bytes and are inserted in random order, which is the worst case for an index. Users
-- have 36 bytes.

\set ON_ERROR_STOP on
\set QUIET on
\pset footer off
\timing off
SELECT count(*) > 0 AS has_files FROM s3_files \gset
\if :has_files
    \echo 'There are files in this database: use one of its own.'
    \quit
\endif

-- Only the writes are counted.
ALTER TABLE s3_files SET (autovacuum_enabled = off);

CREATE FUNCTION pg_temp.id(n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT overlay(overlay(md5(n::text) PLACING lpad(to_hex(1700000000000 + n), 12, '0') FROM 1) PLACING '7' FROM 13)::uuid
$$;

CREATE FUNCTION pg_temp.record(first bigint, many bigint) RETURNS text LANGUAGE sql AS $$
    SELECT format('
    INSERT INTO s3_files (id, object_key, bucket, file_url, user_id, file_name, content_type, size, etag, upload_timestamp)
    SELECT id, owner || ''/'' || id || ''/a.jpg'', ''uploads'', ''https://uploads.s3.amazonaws.com/'' || owner || ''/'' || id,
           owner, ''pic/'' || md5(n::text) || ''.jpeg'', ''image/jpeg'', n %% 5000000, md5(n::text), now()
    FROM (SELECT n, pg_temp.id(n) AS id, md5((n %% 200)::text)::uuid::text AS owner
          FROM generate_series(%s, %s) AS n) AS files', first, first + many - 1)
$$;

CREATE TEMP TABLE costs (step int, what text, index text, rows bigint, blocks numeric, wal numeric, images bigint);

-- Runs `sql` and records the cost of each of its rows.
CREATE PROCEDURE pg_temp.measure(step int, what text, rows bigint, sql text) LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, WAL, TIMING OFF, FORMAT JSON) ' || sql INTO plan;
    plan := plan -> 0 -> 'Plan';
    INSERT INTO costs VALUES (step, what,
        CASE WHEN to_regclass('s3_files_user_id_file_name_id') IS NULL THEN 'without' ELSE 'with' END, rows,
        ((plan ->> 'Shared Hit Blocks')::numeric + (plan ->> 'Shared Read Blocks')::numeric) / rows,
        (plan ->> 'WAL Bytes')::numeric / rows, (plan ->> 'WAL FPI')::bigint);
END
$$;

CREATE PROCEDURE pg_temp.writes(first bigint, many bigint) LANGUAGE plpgsql AS $$
DECLARE
    ids text := format('id IN (SELECT pg_temp.id(n) FROM generate_series(%s, %s) AS n)', first, first + many - 1);
BEGIN
    CALL pg_temp.measure(1, 'record a file', many, pg_temp.record(first, many));
    CALL pg_temp.measure(2, 'overwrite it', many, 'UPDATE s3_files SET etag = ''x'', size = size + 1 WHERE ' || ids);
    CALL pg_temp.measure(3, 'rename it', many, 'UPDATE s3_files SET file_name = ''pic/'' || md5(etag || id) || ''.jpeg'' WHERE ' || ids);
    CALL pg_temp.measure(4, 'delete it', many, 'UPDATE s3_files SET deleted_at = now() WHERE ' || ids);
END
$$;

-- The live files are inserted first, after the last checkpoint. Their pages are then in the WAL
-- already and are not counted again.
CHECKPOINT;
SELECT pg_temp.record(1, :live) \gexec
VACUUM (ANALYZE) s3_files;
CALL pg_temp.writes(:live + 1, :writes);
SELECT pg_size_pretty(pg_relation_size('s3_files_user_id_file_name_id')) AS "index",
       pg_relation_size('s3_files_user_id_file_name_id') / (:live + :writes) AS "bytes per file",
       pg_size_pretty(pg_total_relation_size('s3_files')) AS "table and indexes";
DROP INDEX s3_files_user_id_file_name_id;
CALL pg_temp.writes(:live + :writes + 1, :writes);
SELECT what, round(max(blocks) FILTER (WHERE index = 'without'), 1) AS "blocks without",
       round(max(blocks) FILTER (WHERE index = 'with'), 1) AS "with",
       round(max(wal) FILTER (WHERE index = 'without')) AS "WAL bytes without",
       round(max(wal) FILTER (WHERE index = 'with')) AS "with",
       max(images) FILTER (WHERE index = 'without') AS "page images without", max(images) FILTER (WHERE index = 'with') AS "with"
FROM costs GROUP BY step, what ORDER BY step;
