-- The ids that `npm run import-flask` has taken for the old service's rows: after_id < id <= through_id. Nothing else has
-- an id in there, or had one, because the sequence was raised to through_id in the same batch.
CREATE TABLE flask_ranges (
  table_name TEXT NOT NULL,
  after_id INTEGER NOT NULL,
  through_id INTEGER NOT NULL CHECK (through_id > after_id),
  PRIMARY KEY (table_name, through_id)
) WITHOUT ROWID;

-- A row that was imported, whatever has become of it since: another run leaves it alone, and what was deleted stays deleted.
CREATE TABLE flask_rows (
  table_name TEXT NOT NULL,
  -- Of what links two tables, the ticket's id; other_id is then the mechanic's or the item's.
  id INTEGER NOT NULL,
  other_id INTEGER NOT NULL DEFAULT 0,
  -- Of a ticket: the customer whose row could not be imported. The ticket is theirs once it can.
  waits_for INTEGER,
  PRIMARY KEY (table_name, id, other_id)
) WITHOUT ROWID;

CREATE INDEX flask_rows_by_customer ON flask_rows (waits_for) WHERE waits_for IS NOT NULL;

-- An import concerns no single account, and says how many rows it brought. Which events there are is the Worker's to know: a
-- list here had to be made anew, with its table, for each further one. No table refers to this one.
ALTER TABLE operator_actions RENAME TO operator_actions_before;

CREATE TABLE operator_actions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  event TEXT NOT NULL,
  account_id INTEGER,
  -- JSON: further details of the event.
  details TEXT,
  created_at INTEGER NOT NULL,
  CHECK (account_id IS NOT NULL OR event = 'data.imported')
);

INSERT INTO operator_actions (id, event, account_id, created_at)
SELECT id, event, account_id, created_at FROM operator_actions_before;

DROP TABLE operator_actions_before;
