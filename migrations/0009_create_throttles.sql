-- How often in a row a password was wrong. No time makes these counts smaller: a success, or a new password, ends them.
CREATE TABLE throttles (
  -- 'account:<id>', 'device:<id>', 'session:<id>', or 'email:<HMAC>' for an address that belongs to no account.
  key TEXT PRIMARY KEY,
  account_id INTEGER REFERENCES accounts (id) ON DELETE CASCADE,
  failures INTEGER NOT NULL,
  failed_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX throttles_by_account ON throttles (account_id);
-- No time ends the count of an account; all others, whose keys come after 'account:', go when they are old.
CREATE INDEX throttles_by_age ON throttles (failed_at) WHERE key >= 'device:';

-- A row is a place that an attempt takes before any work. It lapses by itself, goes with a success, or counts.
CREATE TABLE throttle_attempts (
  id TEXT PRIMARY KEY,
  -- The limit and the client address, IPv6 by /64; NULL where only the subject is counted.
  address TEXT,
  -- A key of throttles; NULL where only the address is counted.
  subject TEXT,
  taken_at INTEGER NOT NULL,
  -- 0: open. 1: a failure, or whatever else the limit of the address counts.
  is_counted INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE INDEX throttle_attempts_by_address ON throttle_attempts (address, taken_at);
CREATE INDEX throttle_attempts_by_subject ON throttle_attempts (subject, taken_at);
CREATE INDEX throttle_attempts_by_age ON throttle_attempts (taken_at);
