-- +goose Up
-- What other programs know a company or a server by, and what it is sorted by, as JSON: nothing is counted from it. Empty: nothing.
ALTER TABLE companies ADD COLUMN labels TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE servers   ADD COLUMN labels TEXT COLLATE "C" NOT NULL DEFAULT '';

-- Accounts that several servers know.
CREATE TABLE credentials (
    id         BIGINT PRIMARY KEY,
    name       TEXT COLLATE "C" NOT NULL,
    name_key   TEXT COLLATE "C" NOT NULL,
    username   TEXT COLLATE "C" NOT NULL,
    sealed     BYTEA, -- the password, sealed for this set; NULL: it is removed
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL, -- since when username and password are these
    removed_at BIGINT,
    checksum   BIGINT NOT NULL
);
CREATE UNIQUE INDEX credentials_name ON credentials (name_key) WHERE removed_at IS NULL;
ALTER TABLE servers ADD COLUMN credential BIGINT REFERENCES credentials (id); -- NULL: username and sealed are its own
