-- What Twilio itself says, beside the rows that it was merged into: a row of the CRM is richer, and keeps what it has.
CREATE TABLE IF NOT EXISTS twilio_calls (
    call_sid        TEXT PRIMARY KEY,
    said            TEXT NOT NULL                   -- JSON of domain::call::Call
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS twilio_recordings (
    recording_sid   TEXT PRIMARY KEY,
    said            TEXT NOT NULL                   -- JSON: what tells a changed row from an unchanged one
) WITHOUT ROWID;
-- Calls and recordings that were not finished when they were last read: Twilio lists nothing by when it changed.
CREATE TABLE IF NOT EXISTS twilio_rechecks (
    sid             TEXT PRIMARY KEY,               -- CA… or RE…
    since_ms        INTEGER NOT NULL,
    tries           INTEGER NOT NULL DEFAULT 0,
    next_at_ms      INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS idx_twilio_rechecks_next ON twilio_rechecks(next_at_ms);
-- Private keys of encrypted recordings, given by the person: only in a sealed database.
CREATE TABLE IF NOT EXISTS twilio_keys (
    key_sid         TEXT PRIMARY KEY,               -- CR…
    pem             TEXT NOT NULL
) WITHOUT ROWID;
