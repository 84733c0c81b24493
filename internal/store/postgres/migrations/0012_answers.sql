-- +goose Up
-- What people say of an event, and each change of its status within an activation. The remark and who made it are those of
-- the latest change; held is what an acknowledged event was.
ALTER TABLE events ADD COLUMN remark TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN actor  TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN held   TEXT COLLATE "C" NOT NULL DEFAULT '';

CREATE TABLE steps (
    event    BIGINT           NOT NULL,
    number   BIGINT           NOT NULL, -- of the activation
    step     BIGINT           NOT NULL, -- from 1; the activation's beginning, and its end by itself, are none
    status   TEXT COLLATE "C" NOT NULL,
    message  TEXT COLLATE "C" NOT NULL,
    actor    TEXT COLLATE "C" NOT NULL, -- empty: by itself
    remark   TEXT COLLATE "C" NOT NULL,
    at       BIGINT           NOT NULL,
    checksum BIGINT           NOT NULL,
    PRIMARY KEY (event, number, step),
    FOREIGN KEY (event, number) REFERENCES activations (event, number)
);
