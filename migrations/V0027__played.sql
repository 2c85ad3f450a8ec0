-- What of a call was really played, JSON of domain::played: a jump ahead is no listening. Null in rows from before that
-- was kept.
ALTER TABLE listening ADD COLUMN played TEXT;
