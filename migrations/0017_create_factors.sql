-- A second factor of an account. It counts once it is confirmed; until then it is only on offer.
CREATE TABLE factors (
  id TEXT PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  method TEXT NOT NULL CHECK (method IN ('totp', 'sms')),
  -- A box, `<key id>.<bytes>`: the secret of an app, encrypted under DATA_KEY for this very factor and account.
  secret TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  confirmed_at INTEGER,
  -- TOTP: the last step of which a code was used. It only ever grows.
  last_step INTEGER
);

-- Of each method an account has one that counts, and one on offer to take its place.
CREATE UNIQUE INDEX factors_by_account ON factors (account_id, method, (confirmed_at IS NULL));
CREATE INDEX factors_on_offer ON factors (created_at) WHERE confirmed_at IS NULL;
CREATE INDEX factors_by_key ON factors (substr(secret, 1, 8));

-- What gets somebody in who has lost the factor. Only the SHA-256 of a code is stored; using one deletes it.
CREATE TABLE recovery_codes (
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  code_hash TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, code_hash)
) WITHOUT ROWID;

-- A sign-in whose first factor was right and whose second one is awaited. Only the SHA-256 of its token is stored;
-- using it deletes the row.
CREATE TABLE mfa_challenges (
  token_hash TEXT PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- JSON: what has been proved.
  methods TEXT NOT NULL,
  -- The known device that it began on; NULL for any other.
  device_id TEXT,
  -- Wrong codes.
  failures INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX mfa_challenges_by_account ON mfa_challenges (account_id);
CREATE INDEX mfa_challenges_by_expiry ON mfa_challenges (expires_at);

-- Until then a sign-in from this device is not asked for the second factor.
ALTER TABLE devices ADD COLUMN trusted_until INTEGER;

-- What was proved was proved of another password, or of an account with other rights. By whatever path it is
-- changed, nothing that began before goes on, and no device is trusted for the old password's sake.
CREATE TRIGGER accounts_end_challenges AFTER UPDATE OF password_changed_at, role, status ON accounts
BEGIN
  DELETE FROM mfa_challenges WHERE account_id = NEW.id;
  UPDATE devices SET trusted_until = NULL WHERE account_id = NEW.id AND trusted_until IS NOT NULL;
END;

-- So does a password that is taken away; a hash that is made anew of the same password ends nothing.
CREATE TRIGGER accounts_end_challenges_without_password AFTER UPDATE OF password_hash ON accounts
WHEN NEW.password_hash IS NULL
BEGIN
  DELETE FROM mfa_challenges WHERE account_id = NEW.id;
  UPDATE devices SET trusted_until = NULL WHERE account_id = NEW.id AND trusted_until IS NOT NULL;
END;
