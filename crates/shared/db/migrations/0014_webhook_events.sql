-- Events for the application's webhook. The statement that changes a file inserts its event, so neither is ever
-- committed without the other. The function notify delivers them, and maintain deletes them after a week.

CREATE TABLE IF NOT EXISTS webhook_events (
    id uuid PRIMARY KEY,                      -- version 7, the webhook-id; its order is almost that of created_at
    user_id text COLLATE "C" NOT NULL,
    type text NOT NULL,                       -- such as 'file.recorded'
    detail text,                              -- why a file was refused, or the result of a scan
    created_at timestamptz NOT NULL DEFAULT now(),
    -- The file as the change left it, so that later changes do not alter the event.
    file_id uuid NOT NULL,
    object_key text COLLATE "C" NOT NULL,
    file_name text NOT NULL,
    content_type text NOT NULL,
    size bigint NOT NULL,
    etag text NOT NULL,
    rule text,
    metadata jsonb NOT NULL,
    checksum_sha256 bytea,
    checksum_crc64nvme bytea,
    upload_timestamp timestamptz NOT NULL,
    -- The delivery.
    due_at timestamptz DEFAULT now(),         -- the next attempt, or the end of a lease; null: there is none
    attempts integer NOT NULL DEFAULT 0,      -- also tells a lease from the next one
    first_attempt_at timestamptz,
    outcome text,                             -- 'delivered', 'stopped' (410) or 'failed'; null: pending
    ended_at timestamptz,                     -- when it got its outcome
    problem text                              -- what the last attempt failed with
);

-- Only pending events have an entry.
CREATE INDEX IF NOT EXISTS webhook_events_due_at ON webhook_events (due_at) WHERE due_at IS NOT NULL;

-- At most one row: the message in the queue that wakes notify for pending events. Others need not return.
CREATE TABLE IF NOT EXISTS webhook_wake (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    wake_at timestamptz NOT NULL,
    sender text COLLATE "C" NOT NULL          -- the message whose handler sent it; a repetition sends it again
);

ALTER TABLE webhook_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_wake ENABLE ROW LEVEL SECURITY;

-- The functions of the API insert events of their caller. They can neither read, change nor delete any, nor set
-- anything about the delivery.
GRANT INSERT (id, user_id, type, detail, file_id, object_key, file_name, content_type, size, etag, rule, metadata,
              checksum_sha256, checksum_crc64nvme, upload_timestamp) ON webhook_events TO slipway_app;
DROP POLICY IF EXISTS slipway_app ON webhook_events;
CREATE POLICY slipway_app ON webhook_events FOR INSERT TO slipway_app
    WITH CHECK (user_id = nullif(current_setting('app.user_id', true), ''));

GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_events, webhook_wake TO slipway_maintain;
DROP POLICY IF EXISTS slipway_maintain ON webhook_events;
CREATE POLICY slipway_maintain ON webhook_events TO slipway_maintain USING (true);
DROP POLICY IF EXISTS slipway_maintain ON webhook_wake;
CREATE POLICY slipway_maintain ON webhook_wake TO slipway_maintain USING (true);
