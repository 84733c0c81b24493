-- +goose Up
-- The month's statements, as JSON: what was counted, and what people did with it.

CREATE TABLE statements (
    company  INTEGER NOT NULL REFERENCES companies (id),
    month    TEXT    NOT NULL, -- 2026-10
    number   INTEGER NOT NULL, -- from 1; each that supersedes has the next one
    revision INTEGER NOT NULL, -- how often it was kept, from 1
    body     BLOB    NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (company, month, number)
) STRICT;
CREATE INDEX statements_month ON statements (month, company, number);
