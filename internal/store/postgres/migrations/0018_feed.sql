-- +goose Up
-- What changed beside the ledger, for who follows it. The last row stays, so that no number is given twice.
CREATE TABLE feed (
    seq      BIGINT PRIMARY KEY, -- from 1, without gaps
    at       BIGINT           NOT NULL,
    kind     TEXT COLLATE "C" NOT NULL, -- alarm or statement
    company  BIGINT, -- NULL: the alarm is about a server
    server   BIGINT,
    number   BIGINT           NOT NULL, -- of the alarm, or of the statement in its month
    month    TEXT COLLATE "C" NOT NULL, -- 2026-10; empty: an alarm
    status   TEXT COLLATE "C" NOT NULL,
    checksum BIGINT           NOT NULL
);
