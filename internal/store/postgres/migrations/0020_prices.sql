-- +goose Up
-- The plan that a final month is priced with, as JSON; NULL: it is not final, or became so before this was kept.
ALTER TABLE statements ADD COLUMN priced BYTEA;
