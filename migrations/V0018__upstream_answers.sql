-- Local: how often each status was answered, and what a listener was shown of it. Counts only: no address, no name.
CREATE TABLE IF NOT EXISTS upstream_answers (
    hour            INTEGER NOT NULL,               -- since 1970, UTC
    origin          TEXT NOT NULL,                  -- crm, twilio; listener: shown to the one who listens
    status          INTEGER NOT NULL,               -- of HTTP; 0 where no answer came
    count           INTEGER NOT NULL,
    PRIMARY KEY (hour, origin, status)
);
