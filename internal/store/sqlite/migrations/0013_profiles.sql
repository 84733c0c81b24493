-- +goose Up
-- What a provider keeps of a company beside its name, as JSON: nothing is counted from it. Empty: nothing.

ALTER TABLE companies ADD COLUMN profile TEXT NOT NULL DEFAULT '';

-- Who changed what (docs/decisions/0026).
CREATE TABLE audit (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL, -- microseconds since 1970
    actor    TEXT NOT NULL, -- a user's name; as its operating system says on the command line
    via      TEXT NOT NULL, -- the way in: cli, v2, ...
    company  INTEGER REFERENCES companies (id), -- NULL: it concerns no company alone
    subject  TEXT NOT NULL, -- what was changed: "company 7"
    action   TEXT NOT NULL,
    detail   TEXT NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_company ON audit (company, id);

