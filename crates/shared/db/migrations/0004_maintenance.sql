-- What maintain remembers between its runs.

-- When maintain last removed the object of a tombstone. Null: nobody knows whether it was.
ALTER TABLE s3_files ADD COLUMN IF NOT EXISTS removed_at timestamptz;

-- One row for each part of the keys that is swept by itself.
CREATE TABLE IF NOT EXISTS maintenance (
    shard text COLLATE "C" PRIMARY KEY,       -- such as 'reconcile 2/4'
    range_from text COLLATE "C" NOT NULL,     -- its keys are those greater than this
    range_to text COLLATE "C",                -- and not greater than this; null: to the end
    position text COLLATE "C",                -- the last key that is done; null: no sweep is under way
    started_at timestamptz,                   -- when the sweep, or the last one, began
    finished_at timestamptz,                  -- when the last one ended
    lenient boolean NOT NULL DEFAULT false,   -- it began on an empty table: nothing is refused
    held_by uuid,                             -- who works at it
    held_until timestamptz,                   -- and until when nobody else may
    counters jsonb NOT NULL DEFAULT '{}'      -- what the sweep, or the last one, has found and done
);

-- It concerns no user: slipway_app has no business with it.
ALTER TABLE maintenance ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT, UPDATE, DELETE ON maintenance TO slipway_maintain;
DROP POLICY IF EXISTS slipway_maintain ON maintenance;
CREATE POLICY slipway_maintain ON maintenance TO slipway_maintain USING (true);
