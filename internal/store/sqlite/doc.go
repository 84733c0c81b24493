// Package sqlite is the embedded engine: one file, WAL, synchronous=FULL, over
// modernc.org/sqlite. It opens the pools, migrates, and turns SQLite's result
// codes into faults; what is the same SQL everywhere is in sqlstore.
//
//	writer: one connection, BEGIN IMMEDIATE, waits for other processes
//	reader: a pool of connections that cannot write
//
// Every pragma is in the connection string, so that every connection has it.
package sqlite
