-- +goose Up
-- An event is about a server or about a company.

ALTER TABLE events ALTER COLUMN server DROP NOT NULL;
ALTER TABLE events ADD COLUMN company BIGINT REFERENCES companies (id); -- NULL: it is about the server
ALTER TABLE events ADD UNIQUE (template, company, subject);
ALTER TABLE events ADD CHECK ((server IS NULL) <> (company IS NULL));
CREATE INDEX events_company ON events (company, id);

-- Up to where facts were looked for that came too late for final statements (docs/decisions/0023): one row. Where there
-- are statements already, nobody looked yet.
CREATE TABLE mark (
    id       BIGINT PRIMARY KEY CHECK (id = 1),
    position BIGINT NOT NULL,
    revision BIGINT NOT NULL, -- how often it was moved
    again    BIGINT NOT NULL, -- 1: a statement became final since
    checksum BIGINT NOT NULL  -- the sum of the other numbers but id
);
INSERT INTO mark (id, position, revision, again, checksum)
SELECT 1, p, 0, 0, p FROM (SELECT CASE WHEN EXISTS (SELECT 1 FROM statements) THEN 0 ELSE position END AS p FROM meta) m;
