-- +goose Up
-- What 0003 has moved.

DROP TABLE meta_0001;
DROP TABLE installations_0001;
DROP TABLE gaps_0001;
DROP TABLE corrections_0001;
DROP TABLE facts_0001;
DROP TABLE snapshots;
DROP TABLE lists;
DROP TABLE entries;
