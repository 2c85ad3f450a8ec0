-- Local, never dropped: how far a person listened to each call.
CREATE TABLE IF NOT EXISTS listening (
    call_sid        TEXT PRIMARY KEY,
    position_ms     INTEGER NOT NULL DEFAULT 0,
    heard           INTEGER NOT NULL DEFAULT 0,
    speed           REAL,
    updated_at_ms   INTEGER NOT NULL
);
