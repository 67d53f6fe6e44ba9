-- Mail and SMS as rows, written in the batch of what causes them and sent after the answer.
CREATE TABLE outbox_messages (
  -- The place in the list; the id is what is spoken of.
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  channel TEXT NOT NULL CHECK (channel IN ('mail', 'sms')),
  template TEXT NOT NULL,
  -- Not CASCADE: the message that confirms a deletion outlives the account.
  account_id INTEGER REFERENCES accounts (id) ON DELETE SET NULL,
  -- Recipient and values, encrypted. NULL once the message has been sent or has expired, and so is its key's id.
  sealed TEXT,
  key_id TEXT,
  status TEXT NOT NULL CHECK (status IN ('queued', 'sent', 'failed')),
  attempts INTEGER NOT NULL,
  next_attempt_at INTEGER NOT NULL,
  -- 0: nobody is sending it.
  leased_until INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  -- What it says is of no use any more.
  expires_at INTEGER NOT NULL,
  sent_at INTEGER
);

CREATE INDEX outbox_messages_due ON outbox_messages (next_attempt_at) WHERE status = 'queued';
CREATE INDEX outbox_messages_by_account ON outbox_messages (account_id);
CREATE INDEX outbox_messages_by_age ON outbox_messages (created_at);
CREATE INDEX outbox_messages_by_expiry ON outbox_messages (expires_at) WHERE sealed IS NOT NULL;
