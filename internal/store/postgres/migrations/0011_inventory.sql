-- +goose Up
-- What backup servers have beside their license: only the latest is kept, and nothing is counted from it. Rows are never
-- deleted, so that an id is given once.

CREATE TABLE repositories (
    id       BIGINT PRIMARY KEY,
    server   BIGINT           NOT NULL REFERENCES servers (id),
    uid      TEXT COLLATE "C" NOT NULL, -- the server's own id
    present  BIGINT           NOT NULL, -- 0: the latest reading did not find it
    name     TEXT COLLATE "C" NOT NULL,
    health   TEXT COLLATE "C" NOT NULL,
    capacity BIGINT,          -- bytes; NULL: not stated
    free     BIGINT,
    used     BIGINT,
    checksum BIGINT           NOT NULL,
    UNIQUE (server, uid)
);
CREATE INDEX repositories_present ON repositories (server, present, id);

CREATE TABLE jobs (
    id          BIGINT PRIMARY KEY,
    server      BIGINT           NOT NULL REFERENCES servers (id),
    uid         TEXT COLLATE "C" NOT NULL, -- the server's own id
    present     BIGINT           NOT NULL, -- 0: the latest reading did not find it
    name        TEXT COLLATE "C" NOT NULL,
    type        TEXT COLLATE "C" NOT NULL,
    workload    TEXT COLLATE "C" NOT NULL,
    schedule    TEXT COLLATE "C" NOT NULL,
    enabled     BIGINT           NOT NULL,
    running     BIGINT           NOT NULL,
    result      TEXT COLLATE "C" NOT NULL,
    last_run    BIGINT,          -- NULL, here and below: not stated
    ended_at    BIGINT,
    objects     BIGINT           NOT NULL,
    duration    BIGINT,          -- microseconds
    rate        BIGINT,          -- bytes per second
    transferred BIGINT,          -- bytes
    bottleneck  TEXT COLLATE "C" NOT NULL,
    checksum    BIGINT           NOT NULL,
    UNIQUE (server, uid)
);
CREATE INDEX jobs_present ON jobs (server, present, id);

CREATE TABLE inventories (
    server          BIGINT PRIMARY KEY REFERENCES servers (id),
    repositories_at BIGINT,          -- when they were read last; NULL: never
    jobs_at         BIGINT,
    failed          TEXT COLLATE "C" NOT NULL, -- why the latest reading lacks something
    checksum        BIGINT           NOT NULL
);
