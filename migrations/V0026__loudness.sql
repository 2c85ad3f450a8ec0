-- Kept after the file made room: how loud each channel of a recording speaks. Apart from the analysis, which is there at
-- once: this is measured later, when nobody waits.
CREATE TABLE IF NOT EXISTS recording_loudness (
    recording_id    TEXT PRIMARY KEY REFERENCES recordings(id) ON DELETE CASCADE,
    channels_lufs   TEXT NOT NULL                   -- JSON: for each channel LUFS, null where nobody speaks; [] = cannot be told
);
