-- The keys that the Worker is configured with, as its cron sees them. A key's id is no secret.
CREATE TABLE keys (
  ring TEXT NOT NULL CHECK (ring IN ('secret', 'data')),
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  first_seen_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  alerted_at INTEGER,
  PRIMARY KEY (ring, id)
) WITHOUT ROWID;

-- Where the audit log begins after its oldest rows have gone: the last seal that went, and how many rows went in all.
-- One row as a rule; a later cut takes the place of the one before.
CREATE TABLE audit_stubs (
  through_id INTEGER PRIMARY KEY,
  head TEXT NOT NULL,
  removed_rows INTEGER NOT NULL,
  cut_at INTEGER NOT NULL,
  key_id TEXT NOT NULL,
  mac TEXT NOT NULL
);

CREATE TRIGGER audit_stubs_refuse_update BEFORE UPDATE ON audit_stubs
WHEN NEW.through_id IS NOT OLD.through_id OR NEW.head IS NOT OLD.head
  OR NEW.removed_rows IS NOT OLD.removed_rows OR NEW.cut_at IS NOT OLD.cut_at
BEGIN
  SELECT RAISE(ABORT, 'audit_stubs is append-only');
END;

CREATE TRIGGER audit_stubs_refuse_delete BEFORE DELETE ON audit_stubs
WHEN NOT EXISTS (SELECT 1 FROM audit_stubs WHERE through_id > OLD.through_id)
BEGIN
  SELECT RAISE(ABORT, 'audit_stubs is append-only');
END;

-- A log is cut at the end of a seal, with a later seal left to continue it, and further on than before.
CREATE TRIGGER audit_stubs_refuse_insert BEFORE INSERT ON audit_stubs
WHEN EXISTS (SELECT 1 FROM audit_stubs WHERE through_id >= NEW.through_id)
  OR NOT EXISTS (SELECT 1 FROM audit_seals WHERE through_id = NEW.through_id AND head = NEW.head)
  OR NOT EXISTS (SELECT 1 FROM audit_seals WHERE from_id > NEW.through_id)
BEGIN
  SELECT RAISE(ABORT, 'audit_stubs is append-only');
END;

-- What the newest stub has cut off may go, and nothing else.
DROP TRIGGER audit_events_refuse_delete;

CREATE TRIGGER audit_events_refuse_delete BEFORE DELETE ON audit_events
WHEN NOT EXISTS (SELECT 1 FROM audit_stubs WHERE through_id >= OLD.id)
BEGIN
  SELECT RAISE(ABORT, 'audit_events is append-only');
END;

DROP TRIGGER audit_seals_refuse_delete;

CREATE TRIGGER audit_seals_refuse_delete BEFORE DELETE ON audit_seals
WHEN NOT EXISTS (SELECT 1 FROM audit_stubs WHERE through_id >= OLD.through_id)
BEGIN
  SELECT RAISE(ABORT, 'audit_seals is append-only');
END;

-- A seal may be signed anew under a newer key; what it says stays.
DROP TRIGGER audit_seals_refuse_update;

CREATE TRIGGER audit_seals_refuse_update BEFORE UPDATE ON audit_seals
WHEN NEW.from_id IS NOT OLD.from_id OR NEW.through_id IS NOT OLD.through_id OR NEW.row_count IS NOT OLD.row_count
  OR NEW.previous_head IS NOT OLD.previous_head OR NEW.head IS NOT OLD.head OR NEW.sealed_at IS NOT OLD.sealed_at
BEGIN
  SELECT RAISE(ABORT, 'audit_seals is append-only');
END;

-- Seals that wait to be signed anew, and how many a key still has.
CREATE INDEX audit_seals_by_key ON audit_seals (key_id, from_id);

-- Two more things that an operator does. No table refers to this one, so it may be made anew.
ALTER TABLE operator_actions RENAME TO operator_actions_before;

CREATE TABLE operator_actions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  event TEXT NOT NULL CHECK (event IN (
    'account.created', 'account.reset_requested', 'account.unlocked', 'account.password_removed', 'account.signed_out'
  )),
  account_id INTEGER NOT NULL,
  created_at INTEGER NOT NULL
);

INSERT INTO operator_actions SELECT id, event, account_id, created_at FROM operator_actions_before;

DROP TABLE operator_actions_before;
