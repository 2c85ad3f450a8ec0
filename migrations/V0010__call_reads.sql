-- What was last read of each call that its source lists, under the call's place: a page of calls is then one narrow
-- range of this table, and a call that a whole reading did not meet is a row of it. Before, the hashes lay under the
-- call's sid, a page apart each.
CREATE TABLE IF NOT EXISTS call_reads (
    list_key        INTEGER PRIMARY KEY,            -- call_log.list_key
    hash            INTEGER NOT NULL,               -- of the row's bytes as sent; 0: never read
    missed          INTEGER NOT NULL DEFAULT 0      -- 1: the last whole reading did not meet it
);
DELETE FROM row_hashes WHERE kind = 1;
DELETE FROM sync_state WHERE feed = 'calls_missing';
-- The lists go by list_key; nothing asks for these, and each cost a write per call.
DROP INDEX IF EXISTS idx_call_log_started;
DROP INDEX IF EXISTS idx_call_log_lead;
