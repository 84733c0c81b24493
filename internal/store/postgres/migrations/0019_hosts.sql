-- +goose Up
-- The hosts to which the password of a credential set is sent, with a blank between. Empty: none is named yet.
ALTER TABLE credentials ADD COLUMN hosts TEXT NOT NULL DEFAULT '';
