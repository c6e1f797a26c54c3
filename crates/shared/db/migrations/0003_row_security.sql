-- Whose rows a statement sees is decided here, whatever its WHERE says.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['s3_files', 'user_usage', 'multipart_uploads'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO slipway_app, slipway_maintain', name);
        -- An unset setting is null or empty: neither is anybody.
        EXECUTE format('DROP POLICY IF EXISTS slipway_app ON %I', name);
        EXECUTE format(
            'CREATE POLICY slipway_app ON %I TO slipway_app'
            ' USING (user_id = nullif(current_setting(''app.user_id'', true), ''''))', name);
        EXECUTE format('DROP POLICY IF EXISTS slipway_maintain ON %I', name);
        EXECUTE format('CREATE POLICY slipway_maintain ON %I TO slipway_maintain USING (true)', name);
    END LOOP;
END
$$;
-- What has been applied concerns no user; its owner bypasses this.
ALTER TABLE slipway_migrations ENABLE ROW LEVEL SECURITY;
