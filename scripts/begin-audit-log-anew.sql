-- Removes the whole audit log, so that a new one begins with row 1. Only for a log that can never be checked again, because
-- its DATA_KEY is lost (docs/deploy.md): export it first. It leaves no trace in the log itself.
DROP TRIGGER audit_events_refuse_delete;
DROP TRIGGER audit_seals_refuse_delete;
DROP TRIGGER audit_stubs_refuse_delete;

DELETE FROM audit_events;
DELETE FROM audit_seals;
DELETE FROM audit_stubs;
DELETE FROM audit_repeats;
UPDATE sqlite_sequence SET seq = 0 WHERE name = 'audit_events';

CREATE TRIGGER audit_events_refuse_delete BEFORE DELETE ON audit_events
WHEN NOT EXISTS (SELECT 1 FROM audit_stubs WHERE through_id >= OLD.id)
BEGIN
  SELECT RAISE(ABORT, 'audit_events is append-only');
END;

CREATE TRIGGER audit_seals_refuse_delete BEFORE DELETE ON audit_seals
WHEN NOT EXISTS (SELECT 1 FROM audit_stubs WHERE through_id >= OLD.through_id)
BEGIN
  SELECT RAISE(ABORT, 'audit_seals is append-only');
END;

CREATE TRIGGER audit_stubs_refuse_delete BEFORE DELETE ON audit_stubs
WHEN NOT EXISTS (SELECT 1 FROM audit_stubs WHERE through_id > OLD.through_id)
BEGIN
  SELECT RAISE(ABORT, 'audit_stubs is append-only');
END;
