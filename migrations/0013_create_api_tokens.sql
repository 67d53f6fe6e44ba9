-- What a program comes with in the place of a person. Of the token only the SHA-256 is stored; revoking it deletes the row.
-- Its rights are the scopes that its owner's role still has at each use.
CREATE TABLE api_tokens (
  id TEXT PRIMARY KEY,
  account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
  token_hash TEXT NOT NULL,
  name TEXT NOT NULL,
  -- JSON: the permissions that it narrows the role to.
  scopes TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  -- To five minutes; NULL until its first use.
  last_used_at INTEGER
);

CREATE INDEX api_tokens_by_account ON api_tokens (account_id, created_at);
CREATE INDEX api_tokens_by_expiry ON api_tokens (expires_at);
