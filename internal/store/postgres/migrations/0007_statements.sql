-- +goose Up
-- The month's statements, as JSON: what was counted, and what people did with it.

CREATE TABLE statements (
    company  BIGINT           NOT NULL REFERENCES companies (id),
    month    TEXT COLLATE "C" NOT NULL, -- 2026-10
    number   BIGINT           NOT NULL, -- from 1; each that supersedes has the next one
    revision BIGINT           NOT NULL, -- how often it was kept, from 1
    body     BYTEA            NOT NULL,
    checksum BIGINT           NOT NULL,
    PRIMARY KEY (company, month, number)
);
CREATE INDEX statements_month ON statements (month, company, number);
