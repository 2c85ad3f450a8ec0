-- Calls lie in the file as their source lists them, newest first (store/table/call_rows.rs): a first sync only adds to
-- the end. The search index knows them by their place in the file and is filled in again.
INSERT INTO call_search (call_search) VALUES ('delete-all');
DROP INDEX IF EXISTS idx_call_log_list_key;
CREATE UNIQUE INDEX IF NOT EXISTS idx_call_log_place ON call_log(list_key DESC);
