-- +goose Up
-- What a provider writes down and nothing is counted from: a value of one type as JSON.

CREATE TABLE records (
    kind       TEXT COLLATE "C" NOT NULL,
    id         BIGINT NOT NULL, -- from 1 in each kind
    company    BIGINT REFERENCES companies (id), -- NULL: the provider's
    owner      BIGINT NOT NULL, -- the record of another kind below which it is; 0: none
    body       TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    removed_at BIGINT,
    checksum   BIGINT NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX records_company ON records (kind, company, id);
CREATE INDEX records_owner ON records (kind, owner, id);
