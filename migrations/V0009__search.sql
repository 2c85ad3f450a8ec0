-- Words of calls and leads, folded by domain::search. Contentless: the rows themselves are elsewhere. The rowid is the
-- row's list_key, so the index gives the newest first without sorting.
CREATE VIRTUAL TABLE IF NOT EXISTS call_search USING fts5(words, content = '', contentless_delete = 1, detail = none, prefix = '2 3', tokenize = 'unicode61');
CREATE VIRTUAL TABLE IF NOT EXISTS lead_search USING fts5(words, content = '', contentless_delete = 1, detail = none, prefix = '2 3', tokenize = 'unicode61');
