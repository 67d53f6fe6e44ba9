-- INSERT OR REPLACE also removes the row that has the same group_key, without firing the DELETE trigger.
DROP TRIGGER audit_events_refuse_replace;

CREATE TRIGGER audit_events_refuse_replace BEFORE INSERT ON audit_events
WHEN EXISTS (
  SELECT 1 FROM audit_events WHERE id = NEW.id OR event_id = NEW.event_id OR group_key = NEW.group_key
)
BEGIN
  SELECT RAISE(ABORT, 'audit_events is append-only');
END;
