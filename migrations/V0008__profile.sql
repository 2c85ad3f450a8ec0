-- Local: settings and random keys of this profile, who is signed in, and how far each sync came.
CREATE TABLE IF NOT EXISTS profile (
    key             TEXT PRIMARY KEY,
    value           TEXT NOT NULL                   -- JSON
);
CREATE TABLE IF NOT EXISTS account (
    source          TEXT PRIMARY KEY,               -- crm
    url             TEXT NOT NULL,
    email           TEXT NOT NULL,
    name            TEXT NOT NULL,
    role            TEXT NOT NULL,
    business        TEXT NOT NULL,
    cookie          TEXT,                           -- a password in effect: only in a sealed database
    password        TEXT                            -- only where the person wants to stay signed in
);
CREATE TABLE IF NOT EXISTS sync_state (
    feed            TEXT PRIMARY KEY,
    cursor          TEXT NOT NULL                   -- JSON; written with the rows it speaks of
);
