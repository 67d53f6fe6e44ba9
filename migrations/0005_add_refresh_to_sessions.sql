-- Which refresh token of a session counts: nothing secret is stored, the token carries a MAC over session and
-- counter. A session from before has no key id and so no refresh token; it ends with its access token.
ALTER TABLE sessions ADD COLUMN refresh_counter INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN refresh_key_id TEXT;
-- When it was last rotated, and the SHA-256 of the user agent that did it.
ALTER TABLE sessions ADD COLUMN rotated_at INTEGER;
ALTER TABLE sessions ADD COLUMN rotated_by TEXT;
