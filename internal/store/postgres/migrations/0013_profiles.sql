-- +goose Up
-- What a provider keeps of a company beside its name, as JSON: nothing is counted from it. Empty: nothing.

ALTER TABLE companies ADD COLUMN profile TEXT COLLATE "C" NOT NULL DEFAULT '';

-- Who changed what (docs/decisions/0026).
CREATE TABLE audit (
    id       BIGINT PRIMARY KEY,
    at       BIGINT NOT NULL, -- microseconds since 1970
    actor    TEXT COLLATE "C" NOT NULL, -- a user's name; as its operating system says on the command line
    via      TEXT COLLATE "C" NOT NULL, -- the way in: cli, v2, ...
    company  BIGINT REFERENCES companies (id), -- NULL: it concerns no company alone
    subject  TEXT COLLATE "C" NOT NULL, -- what was changed: "company 7"
    action   TEXT COLLATE "C" NOT NULL,
    detail   TEXT COLLATE "C" NOT NULL,
    checksum BIGINT NOT NULL
);
CREATE INDEX audit_company ON audit (company, id);

