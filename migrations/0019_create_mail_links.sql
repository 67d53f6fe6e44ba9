-- Links of mails that do something other than set a password: confirm an address, undo a changed one, say "this was not me".
CREATE TABLE mail_links (
  -- The order in which they were made: an undone change takes with it what was changed after it.
  number INTEGER PRIMARY KEY,
  token_hash TEXT NOT NULL UNIQUE,
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  -- 'verify', 'undo' or 'not_me'.
  purpose TEXT NOT NULL,
  -- What the link proves or brings back; NULL for 'not_me'.
  email TEXT,
  email_canonical TEXT,
  -- 'undo': since when an address that took the old one's place has been verified.
  verified_at INTEGER,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);

CREATE INDEX mail_links_by_account ON mail_links (account_id);
CREATE INDEX mail_links_by_expiry ON mail_links (expires_at);

-- The last address that was verified, as long as the one of the account is not: what matters is mailed there.
ALTER TABLE accounts ADD COLUMN verified_email TEXT;

-- By whatever path an address becomes verified: from then on the time runs in which it can still be undone.
CREATE TRIGGER accounts_confirm_changes AFTER UPDATE OF email_verified_at ON accounts
WHEN NEW.email_verified_at IS NOT NULL AND OLD.email_verified_at IS NULL
BEGIN
  UPDATE mail_links SET verified_at = NEW.email_verified_at
  WHERE account_id = NEW.id AND purpose = 'undo' AND verified_at IS NULL;
END;
