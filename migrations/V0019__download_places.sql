-- Whether the job has one of the source's places for what is being prepared.
ALTER TABLE download_jobs ADD COLUMN preparing INTEGER NOT NULL DEFAULT 0;
