-- +goose Up
-- Times are microseconds since 1970 UTC. name_key is equal where names are equal without regard to case.

CREATE TABLE meta (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL, -- changes with every change but those of sessions
    fleet   INTEGER NOT NULL  -- changes with every change of a company's or server's row
) STRICT;
INSERT INTO meta (id, version, fleet) VALUES (1, 0, 0);

CREATE TABLE companies (
    id         INTEGER PRIMARY KEY, -- rows are never deleted: numbers never return
    uid        TEXT    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    name_key   TEXT    NOT NULL,
    enabled    INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    created_at INTEGER NOT NULL,
    removed_at INTEGER
) STRICT;
CREATE UNIQUE INDEX companies_name ON companies (name_key) WHERE removed_at IS NULL;
INSERT INTO companies (id, uid, name, name_key, enabled, created_at)
VALUES (1, '00000000-0000-0000-0000-000000000001', 'Unassigned', 'UNASSIGNED', 1, 0);

CREATE TABLE servers (
    id              INTEGER PRIMARY KEY, -- rows are never deleted: numbers never return
    name            TEXT    NOT NULL,
    name_key        TEXT    NOT NULL,
    product         TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    removed_at      INTEGER,
    installation_id TEXT    NOT NULL, -- as declared; empty: as read
    url             TEXT,             -- NULL: fed by import, no connection
    username        TEXT    NOT NULL DEFAULT '',
    sealed          BLOB,
    tls_ca          TEXT    NOT NULL DEFAULT '',
    tls_fingerprint TEXT    NOT NULL DEFAULT '',
    tls_insecure    INTEGER NOT NULL DEFAULT 0 CHECK (tls_insecure IN (0, 1)),
    revision        TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX servers_name ON servers (name_key) WHERE removed_at IS NULL;

-- The ledger: every entry has a row here, and one in the table of its kind.
CREATE TABLE entries (
    position    INTEGER PRIMARY KEY,
    recorded_at INTEGER NOT NULL UNIQUE,
    kind        TEXT    NOT NULL CHECK (kind IN ('snapshot', 'gap', 'correction', 'fact'))
) STRICT;

CREATE TABLE lists (
    digest    BLOB    PRIMARY KEY, -- SHA-256 of the canonical form
    workloads INTEGER NOT NULL,
    tenants   TEXT    NOT NULL,    -- JSON array of the distinct names
    size      INTEGER NOT NULL,    -- of the canonical form
    body      BLOB    NOT NULL     -- that, gzip
) STRICT;

CREATE TABLE snapshots (
    position        INTEGER PRIMARY KEY REFERENCES entries (position),
    server          INTEGER NOT NULL REFERENCES servers (id),
    taken_at        INTEGER NOT NULL,
    installation_id TEXT    NOT NULL,
    lists_new       INTEGER NOT NULL CHECK (lists_new IN (0, 1)),
    counted         INTEGER NOT NULL CHECK (counted IN (0, 1)), -- it carries counters
    list            BLOB    REFERENCES lists (digest),          -- NULL: list not read
    head            BLOB    NOT NULL                            -- canonical form without the list
) STRICT;
CREATE INDEX snapshots_taken ON snapshots (server, taken_at);
CREATE INDEX snapshots_next ON snapshots (taken_at);
CREATE INDEX snapshots_server ON snapshots (server, position);

-- Which server ever said which installation id, and first where: narrows the search for clones and ancestors.
CREATE TABLE installations (
    installation_id TEXT    NOT NULL,
    server          INTEGER NOT NULL REFERENCES servers (id),
    position        INTEGER NOT NULL REFERENCES entries (position),
    PRIMARY KEY (installation_id, server)
) STRICT;
CREATE INDEX installations_position ON installations (position);

CREATE TABLE gaps (
    position INTEGER PRIMARY KEY REFERENCES entries (position),
    server   INTEGER NOT NULL REFERENCES servers (id),
    at       INTEGER NOT NULL,
    reason   TEXT    NOT NULL,
    text     TEXT    NOT NULL
) STRICT;
CREATE INDEX gaps_at ON gaps (server, at, position);

CREATE TABLE corrections (
    position INTEGER PRIMARY KEY REFERENCES entries (position),
    entry    INTEGER NOT NULL UNIQUE REFERENCES entries (position),
    server   INTEGER NOT NULL REFERENCES servers (id), -- of the revoked entry
    reason   TEXT    NOT NULL,
    actor    TEXT    NOT NULL
) STRICT;

CREATE TABLE facts (
    position   INTEGER PRIMARY KEY REFERENCES entries (position),
    subject    TEXT    NOT NULL,
    attribute  TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    valid_from INTEGER NOT NULL
) STRICT;
CREATE INDEX facts_next ON facts (valid_from);
CREATE INDEX facts_subject ON facts (subject, attribute, position);

CREATE TABLE users (
    id            INTEGER PRIMARY KEY, -- rows are never deleted: numbers never return
    name          TEXT    NOT NULL,
    name_key      TEXT    NOT NULL UNIQUE,
    role          TEXT    NOT NULL,
    company       INTEGER REFERENCES companies (id),
    password_hash TEXT    NOT NULL,
    enabled       INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    created_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
    refresh     BLOB    PRIMARY KEY, -- SHA-256 of the tokens
    access      BLOB    UNIQUE,      -- NULL once the pair was refreshed
    family      TEXT    NOT NULL,
    user_id     INTEGER NOT NULL REFERENCES users (id),
    access_end  INTEGER NOT NULL,
    refresh_end INTEGER NOT NULL,
    used        INTEGER NOT NULL CHECK (used IN (0, 1))
) STRICT;
CREATE INDEX sessions_family ON sessions (family);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_end ON sessions (refresh_end);

CREATE TABLE events (
    id           INTEGER PRIMARY KEY,
    template     INTEGER NOT NULL,
    server       INTEGER NOT NULL REFERENCES servers (id),
    subject      TEXT    NOT NULL,
    repeat_count INTEGER NOT NULL,
    status       TEXT    NOT NULL,
    message      TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    first_at     INTEGER NOT NULL,
    UNIQUE (template, server, subject)
) STRICT;
CREATE INDEX events_template ON events (template, id);
CREATE INDEX events_server ON events (server, id);

CREATE TABLE activations (
    event       INTEGER NOT NULL REFERENCES events (id),
    number      INTEGER NOT NULL,
    status      TEXT    NOT NULL,
    message     TEXT    NOT NULL,
    raised_at   INTEGER NOT NULL,
    resolved_at INTEGER,
    PRIMARY KEY (event, number)
) STRICT;
