-- +goose Up
-- What backup servers have beside their license: only the latest is kept, and nothing is counted from it. Rows are never
-- deleted, so that an id is given once.

CREATE TABLE repositories (
    id       INTEGER PRIMARY KEY,
    server   INTEGER NOT NULL REFERENCES servers (id),
    uid      TEXT    NOT NULL, -- the server's own id
    present  INTEGER NOT NULL, -- 0: the latest reading did not find it
    name     TEXT    NOT NULL,
    health   TEXT    NOT NULL,
    capacity INTEGER,          -- bytes; NULL: not stated
    free     INTEGER,
    used     INTEGER,
    checksum INTEGER NOT NULL,
    UNIQUE (server, uid)
) STRICT;
CREATE INDEX repositories_present ON repositories (server, present, id);

CREATE TABLE jobs (
    id          INTEGER PRIMARY KEY,
    server      INTEGER NOT NULL REFERENCES servers (id),
    uid         TEXT    NOT NULL, -- the server's own id
    present     INTEGER NOT NULL, -- 0: the latest reading did not find it
    name        TEXT    NOT NULL,
    type        TEXT    NOT NULL,
    workload    TEXT    NOT NULL,
    schedule    TEXT    NOT NULL,
    enabled     INTEGER NOT NULL,
    running     INTEGER NOT NULL,
    result      TEXT    NOT NULL,
    last_run    INTEGER,          -- NULL, here and below: not stated
    ended_at    INTEGER,
    objects     INTEGER NOT NULL,
    duration    INTEGER,          -- microseconds
    rate        INTEGER,          -- bytes per second
    transferred INTEGER,          -- bytes
    bottleneck  TEXT    NOT NULL,
    checksum    INTEGER NOT NULL,
    UNIQUE (server, uid)
) STRICT;
CREATE INDEX jobs_present ON jobs (server, present, id);

CREATE TABLE inventories (
    server          INTEGER PRIMARY KEY REFERENCES servers (id),
    repositories_at INTEGER,          -- when they were read last; NULL: never
    jobs_at         INTEGER,
    failed          TEXT    NOT NULL, -- why the latest reading lacks something
    checksum        INTEGER NOT NULL
) STRICT;
