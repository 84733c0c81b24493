-- +goose Up
-- Long-lived API tokens. Rows are never deleted: who had which stays known.
CREATE TABLE api_tokens (
    id           BIGINT PRIMARY KEY,
    user_id      BIGINT           NOT NULL REFERENCES users (id),
    name         TEXT COLLATE "C" NOT NULL,
    name_key     TEXT COLLATE "C" NOT NULL,
    scopes       TEXT COLLATE "C" NOT NULL, -- actions with a blank between
    company      BIGINT REFERENCES companies (id), -- the only one that it reaches; NULL: all
    server       BIGINT REFERENCES servers (id),   -- the only one that it pushes for; NULL: all
    hash         BYTEA            NOT NULL UNIQUE, -- SHA-256 of the token
    created_at   BIGINT           NOT NULL,
    created_by   TEXT COLLATE "C" NOT NULL,
    expires_at   BIGINT           NOT NULL,
    revoked_at   BIGINT,
    last_used_at BIGINT,
    checksum     BIGINT           NOT NULL
);
CREATE INDEX api_tokens_user ON api_tokens (user_id, id);
CREATE INDEX api_tokens_name ON api_tokens (user_id, name_key);

-- Writes that a caller named by a key, so that repeating them does nothing again, with what was answered.
CREATE TABLE once (
    user_id      BIGINT           NOT NULL REFERENCES users (id),
    "key"        TEXT COLLATE "C" NOT NULL,
    fingerprint  BYTEA            NOT NULL, -- SHA-256 of the request
    at           BIGINT           NOT NULL,
    status       BIGINT           NOT NULL, -- of the answer; 0: none is kept
    content_type TEXT COLLATE "C" NOT NULL,
    etag         TEXT COLLATE "C" NOT NULL,
    location     TEXT COLLATE "C" NOT NULL,
    body         BYTEA            NOT NULL,
    checksum     BIGINT           NOT NULL,
    PRIMARY KEY (user_id, "key")
);
CREATE INDEX once_at ON once (at);
