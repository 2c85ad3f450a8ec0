-- The index anew, for words in which prefixes are cut by sentence and vocabulary, and for transcripts and notes. Its
-- rows are filled in again. The words are folded already: only ASCII signs part them. What somebody has typed so far,
-- up to five letters, has an index of its own: more would be spared less than it costs to write.
DROP TABLE IF EXISTS call_search;
DROP TABLE IF EXISTS lead_search;
CREATE VIRTUAL TABLE IF NOT EXISTS call_search USING fts5(words, content = '', contentless_delete = 1, detail = none, prefix = '1 2 3 4 5', tokenize = 'ascii');
CREATE VIRTUAL TABLE IF NOT EXISTS lead_search USING fts5(words, content = '', contentless_delete = 1, detail = none, prefix = '1 2 3 4 5', tokenize = 'ascii');
