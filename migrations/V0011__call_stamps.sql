-- Mirror: what a list of recent calls last said of a call, as a hash. A look that finds the same hash reads nothing more.
CREATE TABLE IF NOT EXISTS call_stamps (
    call_sid        TEXT PRIMARY KEY,
    stamp           INTEGER NOT NULL,
    recording_failed_at_ms INTEGER                  -- the newest job for its recording was first seen failed then
) WITHOUT ROWID;
