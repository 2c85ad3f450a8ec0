-- Every quick view over the calls is answered from a narrow index, whichever way the calls went: a row that is left out
-- is never read. Hidden legs are not in the search index, so that what it finds needs no second look.
DROP INDEX IF EXISTS idx_call_log_listed;
DROP INDEX IF EXISTS idx_call_log_unheard;
DROP INDEX IF EXISTS idx_call_log_missed;
CREATE INDEX IF NOT EXISTS idx_call_log_shown ON call_log(list_key DESC, has_recording, heard, direction, outcome) WHERE listed = 1;
CREATE INDEX IF NOT EXISTS idx_call_log_to_hear ON call_log(list_key DESC, direction) WHERE listed = 1 AND has_recording = 1 AND heard = 0;
CREATE INDEX IF NOT EXISTS idx_call_log_not_met ON call_log(list_key DESC, direction) WHERE listed = 1 AND outcome = 'missed';
DELETE FROM call_search WHERE rowid IN (SELECT list_key FROM call_log WHERE listed = 0 AND list_key IS NOT NULL);
-- So many bytes of words wait in memory before they become a segment of the index: one for each batch of a first sync.
INSERT INTO call_search (call_search, rank) VALUES ('hashsize', 16777216);
