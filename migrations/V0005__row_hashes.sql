-- What was last read of each mirrored row, as a hash: a sync in which nothing changed reads this narrow table and
-- decrypts no wide row.
CREATE TABLE IF NOT EXISTS row_hashes (
    kind            INTEGER NOT NULL,               -- 1 call, 2 lead, 3 appointment, 4 calendar
    key             TEXT NOT NULL,
    hash            INTEGER NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;
