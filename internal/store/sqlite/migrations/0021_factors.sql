-- +goose Up
-- Second factors of users who turned one on. A row goes when it is taken off; the audit trail keeps who had one.
CREATE TABLE user_factors (
    user_id  INTEGER PRIMARY KEY REFERENCES users (id),
    sealed   BLOB    NOT NULL, -- the secret that the app knows
    step     INTEGER NOT NULL, -- the latest time step whose code was taken
    recovery BLOB    NOT NULL, -- SHA-256 of each recovery code that was not used, one behind the other
    added_at INTEGER NOT NULL,
    checksum INTEGER NOT NULL
) STRICT;
