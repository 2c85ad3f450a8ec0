-- Local, never dropped: what a person wants to listen to, one after the other.
CREATE TABLE IF NOT EXISTS listening_queue (
    recording_id    TEXT PRIMARY KEY,
    place           INTEGER NOT NULL                -- in rising order; gaps are allowed
);
CREATE INDEX IF NOT EXISTS idx_listening_queue_place ON listening_queue(place);
