-- Append-only. A row names people by account id only, never by e-mail address or name.
CREATE TABLE audit_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  event_id TEXT NOT NULL UNIQUE,
  occurred_at INTEGER NOT NULL,
  event TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('success', 'failure', 'refused')),
  reason TEXT,
  actor_id INTEGER,
  subject_id INTEGER,
  session_id TEXT,
  address TEXT,
  user_agent TEXT,
  request_id TEXT,
  details TEXT NOT NULL,
  group_key TEXT UNIQUE,
  key_id TEXT NOT NULL,
  mac TEXT NOT NULL
);

CREATE INDEX audit_events_by_actor ON audit_events (actor_id, id);
CREATE INDEX audit_events_by_subject ON audit_events (subject_id, id);
CREATE INDEX audit_events_by_event ON audit_events (event, id);

CREATE TRIGGER audit_events_refuse_update BEFORE UPDATE ON audit_events
BEGIN
  SELECT RAISE(ABORT, 'audit_events is append-only');
END;

CREATE TRIGGER audit_events_refuse_delete BEFORE DELETE ON audit_events
BEGIN
  SELECT RAISE(ABORT, 'audit_events is append-only');
END;

-- INSERT OR REPLACE removes the old row without firing the DELETE trigger.
CREATE TRIGGER audit_events_refuse_replace BEFORE INSERT ON audit_events
WHEN EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id OR event_id = NEW.event_id)
BEGIN
  SELECT RAISE(ABORT, 'audit_events is append-only');
END;

-- How often a grouped event happened: the audit row is written once per group, the count here.
CREATE TABLE audit_repeats (
  group_key TEXT PRIMARY KEY,
  count INTEGER NOT NULL,
  last_at INTEGER NOT NULL
);

CREATE INDEX audit_repeats_by_time ON audit_repeats (last_at);

-- What the shop's operator did from the command line, where the audit key cannot be read.
-- The Worker turns each row into a signed audit event and deletes it.
CREATE TABLE operator_actions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  event TEXT NOT NULL CHECK (event IN ('account.created', 'account.reset_requested', 'account.unlocked')),
  account_id INTEGER NOT NULL,
  created_at INTEGER NOT NULL
);
