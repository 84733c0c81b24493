-- +goose Up
-- Which bundle of a final statement was handed out: there is one. Never changed.

CREATE TABLE bundles (
    company  INTEGER NOT NULL,
    month    TEXT    NOT NULL, -- 2026-10
    number   INTEGER NOT NULL,
    sha256   TEXT    NOT NULL, -- of the file, in hex digits
    "key"    TEXT    NOT NULL, -- the fingerprint of the key that signed it
    checksum INTEGER NOT NULL,
    PRIMARY KEY (company, month, number),
    FOREIGN KEY (company, month, number) REFERENCES statements (company, month, number)
) STRICT;
