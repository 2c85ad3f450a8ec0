-- Local, never dropped: what a person wrote at a second of a call. It stays whatever becomes of the call.
CREATE TABLE IF NOT EXISTS marks (
    id              INTEGER PRIMARY KEY,
    call_sid        TEXT NOT NULL,
    at_ms           INTEGER NOT NULL,               -- media time
    text            TEXT NOT NULL,
    created_at_ms   INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS idx_marks_call ON marks(call_sid, at_ms, id);
-- Local, never dropped: what a person wrote for the CRM and the CRM has not confirmed. An id is never used twice.
CREATE TABLE IF NOT EXISTS outbox (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    lead_id         INTEGER NOT NULL,
    note_id         INTEGER,                        -- the CRM's note whose text this replaces; null for a new note
    text            TEXT NOT NULL,
    url             TEXT NOT NULL,                  -- the account that wrote it: nobody else sends it
    email           TEXT NOT NULL,
    written_at_ms   INTEGER NOT NULL,
    phase           TEXT NOT NULL,                  -- domain::outbox::Phase
    next_at_ms      INTEGER,                        -- not before; null while nothing happens by itself
    machine         TEXT NOT NULL                   -- JSON: what else domain::outbox remembers
);
CREATE INDEX IF NOT EXISTS idx_outbox_lead ON outbox(lead_id, id);
