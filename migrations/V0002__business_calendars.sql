-- The calendars that appointments stand in. The name is null for a calendar that this role may not list and for one
-- that only an appointment mentions: it is a placeholder, never a failed insert.
CREATE TABLE IF NOT EXISTS business_calendars (
    id              INTEGER PRIMARY KEY,            -- the CRM's calendar id
    name            TEXT,
    type_key        TEXT,
    is_active       INTEGER NOT NULL DEFAULT 1,     -- the list holds active ones only
    priority        INTEGER NOT NULL DEFAULT 0,
    created_at_ms   INTEGER,
    updated_at_ms   INTEGER
);
