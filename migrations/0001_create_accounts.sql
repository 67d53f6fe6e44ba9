-- One row per person who can sign in: customers, mechanics and admins.
-- AUTOINCREMENT: the id of a deleted account is never given to another person.
CREATE TABLE accounts (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  role TEXT NOT NULL CHECK (role IN ('customer', 'mechanic', 'admin')),
  status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'suspended')),
  email TEXT NOT NULL,
  email_canonical TEXT NOT NULL UNIQUE,
  email_verified_at INTEGER,
  first_name TEXT NOT NULL,
  last_name TEXT NOT NULL,
  phone_number TEXT,
  password_hash TEXT,
  password_changed_at INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);

-- The sequence row exists from the start, so that an id can be reserved before the first account
-- is inserted: the audit row of a registration carries a MAC over the new account's id.
INSERT INTO sqlite_sequence (name, seq) VALUES ('accounts', 0);

CREATE INDEX accounts_by_role ON accounts (role);
CREATE INDEX accounts_by_role_first_name ON accounts (role, first_name COLLATE NOCASE);
CREATE INDEX accounts_by_role_last_name ON accounts (role, last_name COLLATE NOCASE);
CREATE INDEX accounts_by_role_email ON accounts (role, email_canonical);
