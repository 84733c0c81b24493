-- +goose Up
-- Users that sign in at a provider of identities: under which name first, and who that was.
CREATE TABLE singles (
    user_id  BIGINT           PRIMARY KEY REFERENCES users (id),
    name     TEXT COLLATE "C" NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL UNIQUE,
    issuer   TEXT COLLATE "C", -- NULL: nobody signed in yet
    subject  TEXT COLLATE "C",
    bound_at BIGINT,
    checksum BIGINT           NOT NULL,
    UNIQUE (issuer, subject)
);
