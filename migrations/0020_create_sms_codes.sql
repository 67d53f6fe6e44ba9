-- A code that was sent by SMS. What it was asked for is the key: asking again replaces it.
CREATE TABLE sms_codes (
  -- `offer:<account>`, `challenge:<hash of the mfa_token>` or `session:<session>`.
  use TEXT PRIMARY KEY,
  -- To whose number it went; the code goes with it.
  factor_id TEXT NOT NULL REFERENCES factors (id) ON DELETE CASCADE,
  -- `<key id>.<HMAC>` under SECRET_KEY of the code, its use and its factor. Six digits alone would be found by trying them all.
  mac TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX sms_codes_by_factor ON sms_codes (factor_id);
CREATE INDEX sms_codes_by_expiry ON sms_codes (expires_at);

-- One SMS that was asked for: who asks too often, and how many there are in a day, is counted here.
CREATE TABLE sms_sends (
  message_id TEXT PRIMARY KEY,
  -- HMAC under SECRET_KEY of the number.
  number_mac TEXT NOT NULL,
  -- Not CASCADE: whoever deletes the account gives no SMS back.
  account_id INTEGER REFERENCES accounts (id) ON DELETE SET NULL,
  written_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX sms_sends_by_number ON sms_sends (number_mac, written_at);
CREATE INDEX sms_sends_by_account ON sms_sends (account_id, written_at);
CREATE INDEX sms_sends_by_time ON sms_sends (written_at);
