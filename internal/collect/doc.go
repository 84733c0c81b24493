// Package collect is the socket for collectors: how a server is read, when, and
// what happens when it does not answer.
//
//	schedule ──▶ Runner ──▶ Collector.Read (plug) ──▶ Snapshot ──▶ ledger
//	                                             └──▶ Failure  ──▶ Gap
//
// When the snapshot is in the ledger, the server is asked for its repositories and jobs, of which only the latest are kept:
//
//	Runner ──▶ Collector.Inventory (plug) ──▶ fleet.Inventory ──▶ store
//
// One reading is one snapshot or one gap with a reason (C33). A collector reads
// and never writes. One server's trouble never delays another.
package collect
