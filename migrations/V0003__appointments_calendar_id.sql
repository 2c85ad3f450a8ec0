-- Nullable, because most old appointments never had a calendar. A database may have the column already, with or
-- without the index, or in another shape: store/migrate/shape.rs asks before this runs.
ALTER TABLE appointments ADD COLUMN calendar_id INTEGER REFERENCES business_calendars(id) ON DELETE SET NULL;
CREATE INDEX IF NOT EXISTS idx_appointments_calendar_id ON appointments(calendar_id);
