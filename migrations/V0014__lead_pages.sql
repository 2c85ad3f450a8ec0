-- Mirror, can be dropped and filled again: what a lead's page shows beyond its row, and the company's statuses. No
-- foreign keys: a page is replaced whole, and a lead's row may come later.
CREATE TABLE IF NOT EXISTS lead_notes (
    id              INTEGER PRIMARY KEY,            -- the CRM's note id
    lead_id         INTEGER NOT NULL,
    kind            TEXT NOT NULL,                  -- manual, call_summary, system … or an unknown word
    content         TEXT NOT NULL,
    call_id         TEXT,
    attachments     TEXT NOT NULL DEFAULT '[]',     -- JSON array of names
    created_at_ms   INTEGER,
    updated_at_ms   INTEGER
);
CREATE INDEX IF NOT EXISTS idx_lead_notes_lead ON lead_notes(lead_id, id);
CREATE TABLE IF NOT EXISTS lead_activity (
    lead_id         INTEGER NOT NULL,
    id              INTEGER NOT NULL,               -- the CRM's
    kind            TEXT NOT NULL,
    at_ms           INTEGER,
    facts           TEXT NOT NULL,                  -- JSON object of texts
    PRIMARY KEY (lead_id, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lead_reminders (
    lead_id         INTEGER NOT NULL,
    id              INTEGER NOT NULL,               -- the CRM's
    due_at_ms       INTEGER NOT NULL,
    note            TEXT,
    channel         TEXT,
    delivered_at_ms INTEGER,
    completed_at_ms INTEGER,
    PRIMARY KEY (lead_id, id)
) WITHOUT ROWID;
-- When each lead's page was last read, and of which state of the lead: another updated_at_ms is a reason to read again.
CREATE TABLE IF NOT EXISTS lead_reads (
    lead_id         INTEGER PRIMARY KEY,
    read_at_ms      INTEGER NOT NULL,
    lead_updated_at_ms INTEGER
);
CREATE TABLE IF NOT EXISTS lead_statuses (
    key             TEXT PRIMARY KEY,               -- lower case, as in leads.status
    label           TEXT NOT NULL,
    colour          TEXT NOT NULL,                  -- domain::status::StatusColour
    place           INTEGER NOT NULL,
    is_default      INTEGER NOT NULL DEFAULT 0,
    is_system       INTEGER NOT NULL DEFAULT 0
);
