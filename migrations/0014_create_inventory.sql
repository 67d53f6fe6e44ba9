-- See accounts: an id is reserved before the insert, because the audit row's MAC covers it. The shop's mechanics may
-- have been inserted by hand before.
INSERT INTO sqlite_sequence (name, seq)
SELECT 'mechanics', 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'mechanics');

-- What the shop sells. Stock is never below zero; an item without a quantity is not counted.
CREATE TABLE inventory (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  price_cents INTEGER NOT NULL CHECK (price_cents >= 0),
  quantity INTEGER CHECK (quantity >= 0),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);

INSERT INTO sqlite_sequence (name, seq) VALUES ('inventory', 0);

CREATE INDEX inventory_by_name ON inventory (name COLLATE NOCASE);
CREATE INDEX inventory_by_price ON inventory (price_cents);
CREATE INDEX inventory_by_quantity ON inventory (quantity);

-- A part of a ticket, with name and price of the time. It stays when the item goes: inventory_id refers to nothing.
CREATE TABLE service_inventory (
  ticket_id INTEGER NOT NULL REFERENCES service_tickets (id) ON DELETE CASCADE,
  inventory_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  price_cents INTEGER NOT NULL CHECK (price_cents >= 0),
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  PRIMARY KEY (ticket_id, inventory_id)
) WITHOUT ROWID;
