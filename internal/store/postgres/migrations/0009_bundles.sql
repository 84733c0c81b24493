-- +goose Up
-- Which bundle of a final statement was handed out: there is one. Never changed.

CREATE TABLE bundles (
    company  BIGINT           NOT NULL,
    month    TEXT COLLATE "C" NOT NULL, -- 2026-10
    number   BIGINT           NOT NULL,
    sha256   TEXT COLLATE "C" NOT NULL, -- of the file, in hex digits
    "key"    TEXT COLLATE "C" NOT NULL, -- the fingerprint of the key that signed it
    checksum BIGINT           NOT NULL,
    PRIMARY KEY (company, month, number),
    FOREIGN KEY (company, month, number) REFERENCES statements (company, month, number)
);
