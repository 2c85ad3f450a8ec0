-- Local, never dropped: what is known about each recording, and the work that is still to be done for it.
CREATE TABLE IF NOT EXISTS recordings (
    id              TEXT PRIMARY KEY,               -- crm:<call sid> or twilio:<RE sid>
    call_sid        TEXT NOT NULL,
    state           TEXT NOT NULL,                  -- domain::recording::RecordingState
    reason          TEXT,                           -- an error code or a fact
    polls           INTEGER NOT NULL DEFAULT 0,     -- answers "being prepared"
    attempts        INTEGER NOT NULL DEFAULT 0,     -- in the running window
    next_try_at_ms  INTEGER,
    bytes_here      INTEGER NOT NULL DEFAULT 0,
    bytes_total     INTEGER,
    codec           TEXT,
    channels        INTEGER,
    sample_rate_hz  INTEGER,
    duration_ms     INTEGER,
    damaged_packets INTEGER NOT NULL DEFAULT 0,
    file_id         BLOB,                           -- 16 bytes, in the sealed file's header and its chunks' AAD
    wrapped_dek     BLOB,                           -- the file's key, wrapped; deleting it erases the file
    plain_bytes     INTEGER,                        -- length of the sound file itself
    created_at_ms   INTEGER NOT NULL,
    ready_at_ms     INTEGER
);
CREATE INDEX IF NOT EXISTS idx_recordings_call ON recordings(call_sid, created_at_ms, id);
CREATE INDEX IF NOT EXISTS idx_recordings_state ON recordings(state);
-- Kept after the file made room: the waveform and who speaks when.
CREATE TABLE IF NOT EXISTS recording_analyses (
    recording_id    TEXT PRIMARY KEY REFERENCES recordings(id) ON DELETE CASCADE,
    peaks           BLOB NOT NULL,                  -- media::peaks
    turns           TEXT NOT NULL                   -- JSON of media::turns
);
-- One row per recording that somebody wants: asking twice is the same row.
CREATE TABLE IF NOT EXISTS download_jobs (
    recording_id    TEXT PRIMARY KEY REFERENCES recordings(id) ON DELETE CASCADE,
    priority        INTEGER NOT NULL,               -- highest first
    wish            TEXT NOT NULL,                  -- who asked
    asked_at_ms     INTEGER NOT NULL,
    next_at_ms      INTEGER NOT NULL,               -- not before
    started_at_ms   INTEGER,                        -- of the run that holds it; null while nobody does
    machine         TEXT NOT NULL                   -- JSON: polls, attempts and what else the download machine remembers
);
CREATE INDEX IF NOT EXISTS idx_download_jobs_turn ON download_jobs(started_at_ms, priority DESC, asked_at_ms);
