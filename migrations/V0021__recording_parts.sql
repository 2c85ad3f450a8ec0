-- Local: the keys of recordings that have not arrived whole, so that a later run goes on where one ended. Gone, what was
-- written of one can never be read.
CREATE TABLE IF NOT EXISTS recording_parts (
    recording_id    TEXT PRIMARY KEY REFERENCES recordings(id) ON DELETE CASCADE,
    file_id         BLOB NOT NULL,                  -- as in recordings
    wrapped_dek     BLOB NOT NULL,                  -- as in recordings
    total_bytes     INTEGER NOT NULL,               -- length of the sound file when it is whole
    validator       TEXT                            -- what proves that the source still has the same file
);
