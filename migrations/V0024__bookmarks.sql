-- A mark is a note at a second, as all were so far, or a bookmark, which nobody is sent.
ALTER TABLE marks ADD COLUMN is_note INTEGER NOT NULL DEFAULT 1;
