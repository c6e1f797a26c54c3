-- What maintenance has removed lately: its allowance of removals is for 24 hours, however many sweeps run in them.

-- One row for each batch of a sweep that dropped rows or removed refused objects. Written before the batch removes
-- anything, so that a crash never leaves a removal uncounted. Rows older than 24 hours are deleted by the next batch.
CREATE TABLE IF NOT EXISTS maintenance_removals (
    batch uuid PRIMARY KEY,
    reserved_at timestamptz NOT NULL DEFAULT now(),
    removals bigint NOT NULL CHECK (removals >= 0)
);

-- No user reads or writes it: slipway_app has no grant.
ALTER TABLE maintenance_removals ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON maintenance_removals TO slipway_maintain;
DROP POLICY IF EXISTS slipway_maintain ON maintenance_removals;
CREATE POLICY slipway_maintain ON maintenance_removals TO slipway_maintain USING (true);
