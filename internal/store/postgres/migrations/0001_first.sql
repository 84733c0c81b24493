-- +goose Up
-- Times are microseconds since 1970 UTC. name_key is equal where names are equal without regard to case.
-- The same tables, names and numbers as SQLite's; integers stay integers, because the statements are one text for both.

CREATE TABLE meta (
    id      BIGINT PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL, -- changes with every change but those of sessions
    fleet   BIGINT NOT NULL  -- changes with every change of a company's or server's row
);
INSERT INTO meta (id, version, fleet) VALUES (1, 0, 0);

CREATE TABLE companies (
    id         BIGINT           PRIMARY KEY, -- rows are never deleted: numbers never return
    uid        TEXT COLLATE "C" NOT NULL UNIQUE,
    name       TEXT COLLATE "C" NOT NULL,
    name_key   TEXT COLLATE "C" NOT NULL,
    enabled    BIGINT           NOT NULL CHECK (enabled IN (0, 1)),
    created_at BIGINT           NOT NULL,
    removed_at BIGINT
);
CREATE UNIQUE INDEX companies_name ON companies (name_key) WHERE removed_at IS NULL;
INSERT INTO companies (id, uid, name, name_key, enabled, created_at)
VALUES (1, '00000000-0000-0000-0000-000000000001', 'Unassigned', 'UNASSIGNED', 1, 0);

CREATE TABLE servers (
    id              BIGINT           PRIMARY KEY, -- rows are never deleted: numbers never return
    name            TEXT COLLATE "C" NOT NULL,
    name_key        TEXT COLLATE "C" NOT NULL,
    product         TEXT COLLATE "C" NOT NULL,
    created_at      BIGINT           NOT NULL,
    removed_at      BIGINT,
    installation_id TEXT COLLATE "C" NOT NULL, -- as declared; empty: as read
    url             TEXT COLLATE "C",          -- NULL: fed by import, no connection
    username        TEXT COLLATE "C" NOT NULL DEFAULT '',
    sealed          BYTEA,
    tls_ca          TEXT COLLATE "C" NOT NULL DEFAULT '',
    tls_fingerprint TEXT COLLATE "C" NOT NULL DEFAULT '',
    tls_insecure    BIGINT           NOT NULL DEFAULT 0 CHECK (tls_insecure IN (0, 1)),
    revision        TEXT COLLATE "C" NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX servers_name ON servers (name_key) WHERE removed_at IS NULL;

-- The ledger: every entry has a row here, and one in the table of its kind.
CREATE TABLE entries (
    position    BIGINT           PRIMARY KEY,
    recorded_at BIGINT           NOT NULL UNIQUE,
    kind        TEXT COLLATE "C" NOT NULL CHECK (kind IN ('snapshot', 'gap', 'correction', 'fact'))
);

CREATE TABLE lists (
    digest    BYTEA            PRIMARY KEY, -- SHA-256 of the canonical form
    workloads BIGINT           NOT NULL,
    tenants   TEXT COLLATE "C" NOT NULL, -- JSON array of the distinct names
    size      BIGINT           NOT NULL, -- of the canonical form
    body      BYTEA            NOT NULL  -- that, gzip
);
ALTER TABLE lists ALTER COLUMN body SET STORAGE EXTERNAL; -- differs because PostgreSQL would try to compress it again

CREATE TABLE snapshots (
    position        BIGINT           PRIMARY KEY REFERENCES entries (position),
    server          BIGINT           NOT NULL REFERENCES servers (id),
    taken_at        BIGINT           NOT NULL,
    installation_id TEXT COLLATE "C" NOT NULL,
    lists_new       BIGINT           NOT NULL CHECK (lists_new IN (0, 1)),
    counted         BIGINT           NOT NULL CHECK (counted IN (0, 1)), -- it carries counters
    list            BYTEA            REFERENCES lists (digest),          -- NULL: list not read
    head            BYTEA            NOT NULL                            -- canonical form without the list
);
CREATE INDEX snapshots_taken ON snapshots (server, taken_at);
CREATE INDEX snapshots_next ON snapshots (taken_at);
CREATE INDEX snapshots_server ON snapshots (server, position);

-- Which server ever said which installation id, and first where: narrows the search for clones and ancestors.
CREATE TABLE installations (
    installation_id TEXT COLLATE "C" NOT NULL,
    server          BIGINT           NOT NULL REFERENCES servers (id),
    position        BIGINT           NOT NULL REFERENCES entries (position),
    PRIMARY KEY (installation_id, server)
);
CREATE INDEX installations_position ON installations (position);

CREATE TABLE gaps (
    position BIGINT           PRIMARY KEY REFERENCES entries (position),
    server   BIGINT           NOT NULL REFERENCES servers (id),
    at       BIGINT           NOT NULL,
    reason   TEXT COLLATE "C" NOT NULL,
    text     TEXT COLLATE "C" NOT NULL
);
CREATE INDEX gaps_at ON gaps (server, at, position);

CREATE TABLE corrections (
    position BIGINT           PRIMARY KEY REFERENCES entries (position),
    entry    BIGINT           NOT NULL UNIQUE REFERENCES entries (position),
    server   BIGINT           NOT NULL REFERENCES servers (id), -- of the revoked entry
    reason   TEXT COLLATE "C" NOT NULL,
    actor    TEXT COLLATE "C" NOT NULL
);

CREATE TABLE facts (
    position   BIGINT           PRIMARY KEY REFERENCES entries (position),
    subject    TEXT COLLATE "C" NOT NULL,
    attribute  TEXT COLLATE "C" NOT NULL,
    value      TEXT COLLATE "C" NOT NULL,
    valid_from BIGINT           NOT NULL
);
CREATE INDEX facts_next ON facts (valid_from);
CREATE INDEX facts_subject ON facts (subject, attribute, position);

CREATE TABLE users (
    id            BIGINT           PRIMARY KEY, -- rows are never deleted: numbers never return
    name          TEXT COLLATE "C" NOT NULL,
    name_key      TEXT COLLATE "C" NOT NULL UNIQUE,
    role          TEXT COLLATE "C" NOT NULL,
    company       BIGINT           REFERENCES companies (id),
    password_hash TEXT COLLATE "C" NOT NULL,
    enabled       BIGINT           NOT NULL CHECK (enabled IN (0, 1)),
    created_at    BIGINT           NOT NULL
);

CREATE TABLE sessions (
    refresh     BYTEA            PRIMARY KEY, -- SHA-256 of the tokens
    access      BYTEA            UNIQUE,      -- NULL once the pair was refreshed
    family      TEXT COLLATE "C" NOT NULL,
    user_id     BIGINT           NOT NULL REFERENCES users (id),
    access_end  BIGINT           NOT NULL,
    refresh_end BIGINT           NOT NULL,
    used        BIGINT           NOT NULL CHECK (used IN (0, 1))
);
CREATE INDEX sessions_family ON sessions (family);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_end ON sessions (refresh_end);

CREATE TABLE events (
    id           BIGINT           PRIMARY KEY,
    template     BIGINT           NOT NULL,
    server       BIGINT           NOT NULL REFERENCES servers (id),
    subject      TEXT COLLATE "C" NOT NULL,
    repeat_count BIGINT           NOT NULL,
    status       TEXT COLLATE "C" NOT NULL,
    message      TEXT COLLATE "C" NOT NULL,
    at           BIGINT           NOT NULL,
    first_at     BIGINT           NOT NULL,
    UNIQUE (template, server, subject)
);
CREATE INDEX events_template ON events (template, id);
CREATE INDEX events_server ON events (server, id);

CREATE TABLE activations (
    event       BIGINT           NOT NULL REFERENCES events (id),
    number      BIGINT           NOT NULL,
    status      TEXT COLLATE "C" NOT NULL,
    message     TEXT COLLATE "C" NOT NULL,
    raised_at   BIGINT           NOT NULL,
    resolved_at BIGINT,
    PRIMARY KEY (event, number)
);

-- differs because only a server can wake other processes: whoever listens hears of every change that is committed.
-- Nothing but speed may depend on it.
-- +goose StatementBegin
CREATE FUNCTION tallystick_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tallystick', TG_TABLE_SCHEMA);
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER changed AFTER UPDATE ON meta FOR EACH ROW EXECUTE FUNCTION tallystick_changed();
