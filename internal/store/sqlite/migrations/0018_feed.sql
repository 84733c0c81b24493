-- +goose Up
-- What changed beside the ledger, for who follows it. The last row stays, so that no number is given twice.
CREATE TABLE feed (
    seq      INTEGER PRIMARY KEY, -- from 1, without gaps
    at       INTEGER NOT NULL,
    kind     TEXT    NOT NULL, -- alarm or statement
    company  INTEGER, -- NULL: the alarm is about a server
    server   INTEGER,
    number   INTEGER NOT NULL, -- of the alarm, or of the statement in its month
    month    TEXT    NOT NULL, -- 2026-10; empty: an alarm
    status   TEXT    NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
