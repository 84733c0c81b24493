// Package sqlstore is the SQL that is one text in every engine: all ports of
// store.Store over database/sql, with $1..$n parameters, times as integer
// microseconds and no dialect. An engine opens the pools, migrates, and turns
// its driver's errors into faults; the rest is here.
//
//	write: one connection, one immediate transaction a step, version + 1
//	read:  one transaction of one consistent state a step
//
// SQL only fetches: which workload belongs to whom, and what is evidence, is
// decided in Go (facts.go, and store/series, which knows what the bytes of a
// server's history mean). Every entry has its line in the log (entries.go); the
// dated facts are kept in memory as a projection of the ledger (projection.go),
// which is rebuilt from it and never the only copy.
package sqlstore
