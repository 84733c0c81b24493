-- +goose Up
-- The rows of a provider's own catalogue, by the version that a dated fact names (docs/decisions/0020). Never changed.

CREATE TABLE catalogs (
    version  TEXT    NOT NULL PRIMARY KEY,
    body     TEXT    NOT NULL, -- its rows in canonical form
    checksum INTEGER NOT NULL
) STRICT;
