CREATE TABLE mechanics (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  email_canonical TEXT NOT NULL UNIQUE,
  phone TEXT,
  salary_cents INTEGER CHECK (salary_cents >= 0),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);

-- A deleted customer leaves the shop's tickets behind, without the person.
CREATE TABLE service_tickets (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  customer_id INTEGER REFERENCES accounts (id) ON DELETE SET NULL,
  description TEXT NOT NULL,
  service_at INTEGER NOT NULL,
  status TEXT NOT NULL DEFAULT 'open'
    CHECK (status IN ('open', 'in_progress', 'awaiting_parts', 'completed', 'cancelled')),
  vin TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);

-- See accounts: an id is reserved before the insert, because the audit row's MAC covers it.
INSERT INTO sqlite_sequence (name, seq) VALUES ('service_tickets', 0);

CREATE INDEX service_tickets_by_customer ON service_tickets (customer_id, id);
CREATE INDEX service_tickets_by_status ON service_tickets (status, id);

CREATE TABLE service_mechanics (
  ticket_id INTEGER NOT NULL REFERENCES service_tickets (id) ON DELETE CASCADE,
  mechanic_id INTEGER NOT NULL REFERENCES mechanics (id) ON DELETE CASCADE,
  PRIMARY KEY (ticket_id, mechanic_id)
) WITHOUT ROWID;

CREATE INDEX service_mechanics_by_mechanic ON service_mechanics (mechanic_id);
