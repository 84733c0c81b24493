-- +goose Up
-- When a session began, and who was given each pair of its tokens. NULL and empty: an older version did not say.
ALTER TABLE sessions ADD COLUMN began   BIGINT;
ALTER TABLE sessions ADD COLUMN address TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN agent   TEXT COLLATE "C" NOT NULL DEFAULT '';

-- A user's open sessions are listed, the latest first.
DROP INDEX sessions_user;
CREATE INDEX sessions_user ON sessions (user_id, used, refresh_end, refresh);
