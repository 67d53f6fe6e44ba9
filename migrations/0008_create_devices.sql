-- A device is where somebody has signed in to one account. It is known by a token of which only the SHA-256 is
-- stored; each sign-in gives a new one, and the one before still counts, in case the answer was lost.
CREATE TABLE devices (
  id TEXT PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- NULL: no longer known, but still listed with its sessions.
  token_hash TEXT,
  previous_token_hash TEXT,
  -- What its owner calls it.
  name TEXT,
  browser TEXT,
  os TEXT,
  address TEXT,
  country TEXT,
  city TEXT,
  network TEXT,
  first_seen_at INTEGER NOT NULL,
  -- The last sign-in.
  last_seen_at INTEGER NOT NULL
);

CREATE INDEX devices_by_account ON devices (account_id, last_seen_at);
CREATE INDEX devices_by_age ON devices (last_seen_at);

-- NULL: opened before devices were known. Not a reference: the session is inserted first, and its insert decides.
ALTER TABLE sessions ADD COLUMN device_id TEXT;
CREATE INDEX sessions_by_device ON sessions (device_id);

-- From where an account has signed in, so that a new country is seen as one.
CREATE TABLE account_countries (
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  country TEXT NOT NULL,
  first_seen_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, country)
) WITHOUT ROWID;
