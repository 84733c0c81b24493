-- +goose Up
-- Which rows of servers changed since: what is kept of them in memory is brought up to date row by row.

ALTER TABLE servers ADD COLUMN changed INTEGER NOT NULL DEFAULT 0; -- meta.fleet as of the row's last change
CREATE INDEX servers_changed ON servers (changed);
