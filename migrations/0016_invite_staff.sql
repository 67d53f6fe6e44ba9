-- Staff are invited by a link that is bound to the address it was sent to: it dies when the account gets another one.
-- NULL is a link that the operator hands over. No table refers to this one, so it may be made anew.
ALTER TABLE link_tokens RENAME TO link_tokens_before;

CREATE TABLE link_tokens (
  token_hash TEXT PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  purpose TEXT NOT NULL CHECK (purpose IN ('password_reset', 'invitation')),
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  email_canonical TEXT
);

INSERT INTO link_tokens
SELECT token_hash, account_id, purpose, created_at, expires_at, NULL FROM link_tokens_before;

DROP TABLE link_tokens_before;

CREATE INDEX link_tokens_by_account ON link_tokens (account_id);
CREATE INDEX link_tokens_by_expiry ON link_tokens (expires_at);

-- A mechanic who signs in is one of the shop's mechanics. Whose account goes is still one of them, on the tickets.
ALTER TABLE mechanics ADD COLUMN account_id INTEGER REFERENCES accounts (id) ON DELETE SET NULL;

UPDATE mechanics SET account_id = (
  SELECT id FROM accounts WHERE role = 'mechanic' AND accounts.email_canonical = mechanics.email_canonical
);

CREATE UNIQUE INDEX mechanics_by_account ON mechanics (account_id);

-- Whoever changes a role, and by whatever path: only an account that is a mechanic's has a mechanic.
CREATE TRIGGER accounts_leave_mechanics AFTER UPDATE OF role ON accounts
WHEN NEW.role <> 'mechanic'
BEGIN
  UPDATE mechanics SET account_id = NULL WHERE account_id = NEW.id;
END;

-- Few accounts are suspended, so this costs next to nothing; that an account is active selects nothing.
CREATE INDEX accounts_suspended ON accounts (status) WHERE status = 'suspended';
