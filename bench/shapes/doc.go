// Command shapes measures four ways of keeping the history of lists in SQLite, on synthetic readings: which one the
// ledger uses was decided from its table (docs/decisions/0014-streams.md).
//
//	go run ./bench/shapes [-servers N] [-months N] [-workloads N]
//
// Every shape is given the same readings in the same order, keeps the list in force in memory (as the ledger's tip
// does), and must give back, at random past instants, exactly the list and dates that the generator handed out.
package main
