-- +goose Up
-- Long-lived API tokens. Rows are never deleted: who had which stays known.
CREATE TABLE api_tokens (
    id           INTEGER PRIMARY KEY,
    user_id      INTEGER NOT NULL REFERENCES users (id),
    name         TEXT    NOT NULL,
    name_key     TEXT    NOT NULL,
    scopes       TEXT    NOT NULL, -- actions with a blank between
    company      INTEGER REFERENCES companies (id), -- the only one that it reaches; NULL: all
    server       INTEGER REFERENCES servers (id),   -- the only one that it pushes for; NULL: all
    hash         BLOB    NOT NULL UNIQUE, -- SHA-256 of the token
    created_at   INTEGER NOT NULL,
    created_by   TEXT    NOT NULL,
    expires_at   INTEGER NOT NULL,
    revoked_at   INTEGER,
    last_used_at INTEGER,
    checksum     INTEGER NOT NULL
) STRICT;
CREATE INDEX api_tokens_user ON api_tokens (user_id, id);
CREATE INDEX api_tokens_name ON api_tokens (user_id, name_key);

-- Writes that a caller named by a key, so that repeating them does nothing again, with what was answered.
CREATE TABLE once (
    user_id      INTEGER NOT NULL REFERENCES users (id),
    "key"        TEXT    NOT NULL,
    fingerprint  BLOB    NOT NULL, -- SHA-256 of the request
    at           INTEGER NOT NULL,
    status       INTEGER NOT NULL, -- of the answer; 0: none is kept
    content_type TEXT    NOT NULL,
    etag         TEXT    NOT NULL,
    location     TEXT    NOT NULL,
    body         BLOB    NOT NULL,
    checksum     INTEGER NOT NULL,
    PRIMARY KEY (user_id, "key")
) STRICT;
CREATE INDEX once_at ON once (at);
