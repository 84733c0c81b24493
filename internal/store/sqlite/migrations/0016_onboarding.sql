-- +goose Up
-- What other programs know a company or a server by, and what it is sorted by, as JSON: nothing is counted from it. Empty: nothing.
ALTER TABLE companies ADD COLUMN labels TEXT NOT NULL DEFAULT '';
ALTER TABLE servers   ADD COLUMN labels TEXT NOT NULL DEFAULT '';

-- Accounts that several servers know.
CREATE TABLE credentials (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL,
    name_key   TEXT NOT NULL,
    username   TEXT NOT NULL,
    sealed     BLOB, -- the password, sealed for this set; NULL: it is removed
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL, -- since when username and password are these
    removed_at INTEGER,
    checksum   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX credentials_name ON credentials (name_key) WHERE removed_at IS NULL;
ALTER TABLE servers ADD COLUMN credential INTEGER REFERENCES credentials (id); -- NULL: username and sealed are its own
