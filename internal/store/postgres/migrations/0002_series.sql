-- +goose Up
-- The ledger as streams of changes (docs/decisions/0014). 0003 moves what 0001 kept into these tables, 0004 drops that.

DROP INDEX snapshots_taken;
DROP INDEX snapshots_next;
DROP INDEX snapshots_server;
DROP INDEX installations_position;
DROP INDEX gaps_at;
DROP INDEX facts_next;
DROP INDEX facts_subject;
ALTER TABLE installations RENAME TO installations_0001;
ALTER TABLE gaps RENAME TO gaps_0001;
ALTER TABLE corrections RENAME TO corrections_0001;
ALTER TABLE facts RENAME TO facts_0001;
ALTER TABLE meta RENAME TO meta_0001;

CREATE TABLE meta (
    id          BIGINT PRIMARY KEY CHECK (id = 1),
    version     BIGINT NOT NULL, -- changes with every change but those of sessions
    fleet       BIGINT NOT NULL, -- changes with every change of a company's or server's row
    position    BIGINT NOT NULL, -- of the last entry; 0: none
    recorded_at BIGINT NOT NULL, -- of the last entry
    log_first   BIGINT NOT NULL, -- the first entry of the piece of the log that is not full yet
    log         BYTEA   NOT NULL  -- that piece
);
INSERT INTO meta (id, version, fleet, position, recorded_at, log_first, log)
SELECT 1, version, fleet, 0, 0, 1, '' FROM meta_0001;

-- The log: which position was given when, and to what; pieces of some hundred entries.
CREATE TABLE log (
    first_position BIGINT PRIMARY KEY,
    first_recorded BIGINT NOT NULL UNIQUE,
    body           BYTEA   NOT NULL
);

-- The readings of a server: the end of its history, and the chunks of its streams (1 index, 2 changes, 3 columns).
CREATE TABLE tips (
    server          BIGINT PRIMARY KEY REFERENCES servers (id),
    installation_id TEXT    COLLATE "C" NOT NULL, -- of the latest reading in force; empty: none
    body            BYTEA   NOT NULL
);

-- differs because PostgreSQL would try to compress what is packed already, and keeps what an update replaces
ALTER TABLE tips ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE tips SET (fillfactor = 50);
ALTER TABLE meta SET (fillfactor = 20);

CREATE TABLE chunks (
    server        BIGINT NOT NULL REFERENCES servers (id),
    stream        BIGINT NOT NULL,
    first_reading BIGINT NOT NULL,
    base_reading  BIGINT NOT NULL, -- of columns: where reading must begin
    body          BYTEA   NOT NULL,
    PRIMARY KEY (server, stream, first_reading)
);
ALTER TABLE chunks ALTER COLUMN body SET STORAGE EXTERNAL;

-- Which server ever said which installation id, and first where: narrows the search for clones and ancestors.
CREATE TABLE installations (
    installation_id TEXT    COLLATE "C" NOT NULL,
    server          BIGINT NOT NULL REFERENCES servers (id),
    position        BIGINT NOT NULL,
    PRIMARY KEY (installation_id, server)
);
CREATE INDEX installations_position ON installations (position);

CREATE TABLE gaps (
    position BIGINT PRIMARY KEY,
    server   BIGINT NOT NULL REFERENCES servers (id),
    at       BIGINT NOT NULL,
    reason   TEXT    COLLATE "C" NOT NULL,
    text     TEXT    COLLATE "C" NOT NULL
);
CREATE INDEX gaps_at ON gaps (server, at, position);

CREATE TABLE corrections (
    position BIGINT PRIMARY KEY,
    entry    BIGINT NOT NULL UNIQUE,
    server   BIGINT NOT NULL REFERENCES servers (id), -- of the revoked entry
    reason   TEXT    COLLATE "C" NOT NULL,
    actor    TEXT    COLLATE "C" NOT NULL,
    checksum BIGINT NOT NULL
);
CREATE INDEX corrections_server ON corrections (server, position);

CREATE TABLE facts (
    position   BIGINT PRIMARY KEY,
    subject    TEXT    COLLATE "C" NOT NULL,
    attribute  TEXT    COLLATE "C" NOT NULL,
    value      TEXT    COLLATE "C" NOT NULL,
    valid_from BIGINT NOT NULL,
    checksum   BIGINT NOT NULL
);
CREATE INDEX facts_next ON facts (valid_from);
CREATE INDEX facts_subject ON facts (subject, attribute, position);
