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
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    version     INTEGER NOT NULL, -- changes with every change but those of sessions
    fleet       INTEGER NOT NULL, -- changes with every change of a company's or server's row
    position    INTEGER NOT NULL, -- of the last entry; 0: none
    recorded_at INTEGER NOT NULL, -- of the last entry
    log_first   INTEGER NOT NULL, -- the first entry of the piece of the log that is not full yet
    log         BLOB    NOT NULL  -- that piece
) STRICT;
INSERT INTO meta (id, version, fleet, position, recorded_at, log_first, log)
SELECT 1, version, fleet, 0, 0, 1, X'' FROM meta_0001;

-- The log: which position was given when, and to what; pieces of some hundred entries.
CREATE TABLE log (
    first_position INTEGER PRIMARY KEY,
    first_recorded INTEGER NOT NULL UNIQUE,
    body           BLOB    NOT NULL
) STRICT;

-- The readings of a server: the end of its history, and the chunks of its streams (1 index, 2 changes, 3 columns).
CREATE TABLE tips (
    server          INTEGER PRIMARY KEY REFERENCES servers (id),
    installation_id TEXT    NOT NULL, -- of the latest reading in force; empty: none
    body            BLOB    NOT NULL
) STRICT;

CREATE TABLE chunks (
    server        INTEGER NOT NULL REFERENCES servers (id),
    stream        INTEGER NOT NULL,
    first_reading INTEGER NOT NULL,
    base_reading  INTEGER NOT NULL, -- of columns: where reading must begin
    body          BLOB    NOT NULL,
    PRIMARY KEY (server, stream, first_reading)
) STRICT;

-- Which server ever said which installation id, and first where: narrows the search for clones and ancestors.
CREATE TABLE installations (
    installation_id TEXT    NOT NULL,
    server          INTEGER NOT NULL REFERENCES servers (id),
    position        INTEGER NOT NULL,
    PRIMARY KEY (installation_id, server)
) STRICT;
CREATE INDEX installations_position ON installations (position);

CREATE TABLE gaps (
    position INTEGER PRIMARY KEY,
    server   INTEGER NOT NULL REFERENCES servers (id),
    at       INTEGER NOT NULL,
    reason   TEXT    NOT NULL,
    text     TEXT    NOT NULL
) STRICT;
CREATE INDEX gaps_at ON gaps (server, at, position);

CREATE TABLE corrections (
    position INTEGER PRIMARY KEY,
    entry    INTEGER NOT NULL UNIQUE,
    server   INTEGER NOT NULL REFERENCES servers (id), -- of the revoked entry
    reason   TEXT    NOT NULL,
    actor    TEXT    NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
CREATE INDEX corrections_server ON corrections (server, position);

CREATE TABLE facts (
    position   INTEGER PRIMARY KEY,
    subject    TEXT    NOT NULL,
    attribute  TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    valid_from INTEGER NOT NULL,
    checksum   INTEGER NOT NULL
) STRICT;
CREATE INDEX facts_next ON facts (valid_from);
CREATE INDEX facts_subject ON facts (subject, attribute, position);
