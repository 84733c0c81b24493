-- +goose Up
-- The trail is narrowed by who acted, by what was done, and to the time before a day.
CREATE INDEX audit_who ON audit (actor, action, id);
CREATE INDEX audit_action ON audit (action, id);
CREATE INDEX audit_at ON audit (at, id);
