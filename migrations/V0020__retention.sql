-- What stays on this device. A pin is the person's own, whatever becomes of the file and however often it is fetched.
ALTER TABLE recordings ADD COLUMN pinned_at_ms INTEGER;
-- When it was noticed that the source has deleted it; null while the source has it.
ALTER TABLE recordings ADD COLUMN source_deleted_at_ms INTEGER;
-- The person was asked, and keeps a pinned one that its source has deleted.
ALTER TABLE recordings ADD COLUMN kept_at_ms INTEGER;
