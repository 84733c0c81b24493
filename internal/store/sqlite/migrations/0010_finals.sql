-- +goose Up
-- An event is about a server or about a company. No column can be made nullable here: both tables are made anew.

CREATE TABLE events_0010 (
    id           INTEGER PRIMARY KEY,
    template     INTEGER NOT NULL,
    server       INTEGER REFERENCES servers (id),
    company      INTEGER REFERENCES companies (id), -- NULL: it is about the server
    subject      TEXT    NOT NULL,
    repeat_count INTEGER NOT NULL,
    status       TEXT    NOT NULL,
    message      TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    first_at     INTEGER NOT NULL,
    checksum     INTEGER NOT NULL,
    UNIQUE (template, server, subject),
    UNIQUE (template, company, subject),
    CHECK ((server IS NULL) <> (company IS NULL))
) STRICT;
INSERT INTO events_0010 (id, template, server, subject, repeat_count, status, message, at, first_at, checksum)
SELECT id, template, server, subject, repeat_count, status, message, at, first_at, checksum FROM events ORDER BY id;

CREATE TABLE activations_0010 (
    event       INTEGER NOT NULL REFERENCES events_0010 (id),
    number      INTEGER NOT NULL,
    status      TEXT    NOT NULL,
    message     TEXT    NOT NULL,
    raised_at   INTEGER NOT NULL,
    resolved_at INTEGER,
    checksum    INTEGER NOT NULL,
    PRIMARY KEY (event, number)
) STRICT;
INSERT INTO activations_0010 (event, number, status, message, raised_at, resolved_at, checksum)
SELECT event, number, status, message, raised_at, resolved_at, checksum FROM activations ORDER BY event, number;

DROP TABLE activations;
DROP TABLE events;
ALTER TABLE events_0010 RENAME TO events;
ALTER TABLE activations_0010 RENAME TO activations;
CREATE INDEX events_template ON events (template, id);
CREATE INDEX events_server ON events (server, id);
CREATE INDEX events_company ON events (company, id);

-- Up to where facts were looked for that came too late for final statements (docs/decisions/0023): one row. Where there
-- are statements already, nobody looked yet.
CREATE TABLE mark (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER NOT NULL,
    revision INTEGER NOT NULL, -- how often it was moved
    again    INTEGER NOT NULL, -- 1: a statement became final since
    checksum INTEGER NOT NULL  -- the sum of the other numbers but id
) STRICT;
INSERT INTO mark (id, position, revision, again, checksum)
SELECT 1, p, 0, 0, p FROM (SELECT CASE WHEN EXISTS (SELECT 1 FROM statements) THEN 0 ELSE position END AS p FROM meta);
