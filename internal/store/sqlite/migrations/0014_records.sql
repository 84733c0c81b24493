-- +goose Up
-- What a provider writes down and nothing is counted from: a value of one type as JSON.

CREATE TABLE records (
    kind       TEXT NOT NULL,
    id         INTEGER NOT NULL, -- from 1 in each kind
    company    INTEGER REFERENCES companies (id), -- NULL: the provider's
    owner      INTEGER NOT NULL, -- the record of another kind below which it is; 0: none
    body       TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    removed_at INTEGER,
    checksum   INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT;
CREATE INDEX records_company ON records (kind, company, id);
CREATE INDEX records_owner ON records (kind, owner, id);
