// Package postgres is the engine on a PostgreSQL server (13 or newer), over
// pgx. It opens the pools, migrates, and turns SQLSTATE codes into faults; what
// is the same SQL everywhere is in sqlstore.
//
//	writer: read committed; the first statement locks the row of meta, so that
//	        positions are given one after the other, also to several processes
//	reader: repeatable read, read only: one state for all statements of a step
//
// It uses the database and the schema that the URL leads to, and nothing beyond.
package postgres
