-- +goose Up
-- Users that sign in at a provider of identities: under which name first, and who that was.
CREATE TABLE singles (
    user_id  INTEGER PRIMARY KEY REFERENCES users (id),
    name     TEXT    NOT NULL,
    name_key TEXT    NOT NULL UNIQUE,
    issuer   TEXT,    -- NULL: nobody signed in yet
    subject  TEXT,
    bound_at INTEGER,
    checksum INTEGER NOT NULL,
    UNIQUE (issuer, subject)
) STRICT;
