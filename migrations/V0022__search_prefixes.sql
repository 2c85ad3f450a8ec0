-- The index anew, with fewer indexes of beginnings: more than three letters are answered by the words themselves, which a
-- walk through the vocabulary finds (store/search.rs). An Israeli number is indexed in its national form, under its heads,
-- and by 972; what the filters ask of a call is a word as well. The rows are filled in again.
DROP TABLE IF EXISTS call_search;
DROP TABLE IF EXISTS lead_search;
CREATE VIRTUAL TABLE IF NOT EXISTS call_search USING fts5(words, content = '', contentless_delete = 1, detail = none, prefix = '1 2 3', tokenize = 'ascii');
CREATE VIRTUAL TABLE IF NOT EXISTS lead_search USING fts5(words, content = '', contentless_delete = 1, detail = none, prefix = '1 2 3', tokenize = 'ascii');
-- The distinct words of each, in the order of their bytes.
CREATE VIRTUAL TABLE IF NOT EXISTS call_vocabulary USING fts5vocab(call_search, instance);
CREATE VIRTUAL TABLE IF NOT EXISTS lead_vocabulary USING fts5vocab(lead_search, instance);
-- As V0016 had it.
INSERT INTO call_search (call_search, rank) VALUES ('hashsize', 16777216);
