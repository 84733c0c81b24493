-- +goose Up
-- What people say of an event, and each change of its status within an activation. The remark and who made it are those of
-- the latest change; held is what an acknowledged event was.
ALTER TABLE events ADD COLUMN remark TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN actor  TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN held   TEXT NOT NULL DEFAULT '';

CREATE TABLE steps (
    event    INTEGER NOT NULL,
    number   INTEGER NOT NULL, -- of the activation
    step     INTEGER NOT NULL, -- from 1; the activation's beginning, and its end by itself, are none
    status   TEXT    NOT NULL,
    message  TEXT    NOT NULL,
    actor    TEXT    NOT NULL, -- empty: by itself
    remark   TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (event, number, step),
    FOREIGN KEY (event, number) REFERENCES activations (event, number)
) STRICT;
