-- A seal closes a run of audit rows: how many there are and what they say, chained to the seal before. Append-only.
CREATE TABLE audit_seals (
  from_id INTEGER PRIMARY KEY,
  through_id INTEGER NOT NULL UNIQUE CHECK (through_id >= from_id),
  row_count INTEGER NOT NULL,
  previous_head TEXT NOT NULL,
  head TEXT NOT NULL,
  sealed_at INTEGER NOT NULL,
  key_id TEXT NOT NULL,
  mac TEXT NOT NULL
);

CREATE TRIGGER audit_seals_refuse_update BEFORE UPDATE ON audit_seals
BEGIN
  SELECT RAISE(ABORT, 'audit_seals is append-only');
END;

CREATE TRIGGER audit_seals_refuse_delete BEFORE DELETE ON audit_seals
BEGIN
  SELECT RAISE(ABORT, 'audit_seals is append-only');
END;

-- INSERT OR REPLACE removes the old row without firing the DELETE trigger.
CREATE TRIGGER audit_seals_refuse_replace BEFORE INSERT ON audit_seals
WHEN EXISTS (SELECT 1 FROM audit_seals WHERE from_id = NEW.from_id OR through_id = NEW.through_id)
BEGIN
  SELECT RAISE(ABORT, 'audit_seals is append-only');
END;
