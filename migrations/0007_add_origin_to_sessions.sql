-- What a person recognizes a session by: when it was last used, and from where it was opened.
ALTER TABLE sessions ADD COLUMN last_seen_at INTEGER;
ALTER TABLE sessions ADD COLUMN address TEXT;
ALTER TABLE sessions ADD COLUMN user_agent TEXT;
ALTER TABLE sessions ADD COLUMN country TEXT;
ALTER TABLE sessions ADD COLUMN city TEXT;
-- JSON: how the person proved who they are, in the words of RFC 8176 where it has one.
ALTER TABLE sessions ADD COLUMN methods TEXT NOT NULL DEFAULT '["password"]';
