-- What the lists ask of the mirrored rows. list_key is the place in a list: milliseconds and 20 bits that tell rows of
-- one millisecond apart, so that paging at any depth and "newest first" in the search index are one integer.
ALTER TABLE call_log ADD COLUMN source TEXT NOT NULL DEFAULT 'crm';
ALTER TABLE call_log ADD COLUMN removed_upstream INTEGER NOT NULL DEFAULT 0;
-- 0: a parent leg of at most a second, which stands in the source's list beside the call itself
ALTER TABLE call_log ADD COLUMN listed INTEGER NOT NULL DEFAULT 1;
-- a copy of listening.heard, so that "unheard" is an index
ALTER TABLE call_log ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;
-- domain::call::Outcome of the status
ALTER TABLE call_log ADD COLUMN outcome TEXT NOT NULL DEFAULT 'other';
ALTER TABLE call_log ADD COLUMN list_key INTEGER;
ALTER TABLE leads ADD COLUMN removed_upstream INTEGER NOT NULL DEFAULT 0;
-- 1: only calls or appointments mention it; the CRM has not listed it yet
ALTER TABLE leads ADD COLUMN placeholder INTEGER NOT NULL DEFAULT 0;
ALTER TABLE leads ADD COLUMN list_key INTEGER;
ALTER TABLE appointments ADD COLUMN removed_upstream INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX IF NOT EXISTS idx_call_log_list_key ON call_log(list_key);
CREATE UNIQUE INDEX IF NOT EXISTS idx_leads_list_key ON leads(list_key);
CREATE INDEX IF NOT EXISTS idx_call_log_listed ON call_log(list_key DESC) WHERE listed = 1;
CREATE INDEX IF NOT EXISTS idx_call_log_unheard ON call_log(list_key DESC) WHERE listed = 1 AND has_recording = 1 AND heard = 0;
CREATE INDEX IF NOT EXISTS idx_call_log_missed ON call_log(list_key DESC) WHERE listed = 1 AND outcome = 'missed';
CREATE INDEX IF NOT EXISTS idx_call_log_of_lead ON call_log(lead_id, list_key DESC, has_recording, heard) WHERE listed = 1;
CREATE INDEX IF NOT EXISTS idx_call_log_parent ON call_log(parent_call_sid) WHERE parent_call_sid IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_appointments_lead ON appointments(lead_id, starts_at_ms);
