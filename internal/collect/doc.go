// Package collect is the socket for collectors: how a server is read, when, and
// what happens when it does not answer.
//
//	schedule ──▶ Runner ──▶ Collector.Read (plug) ──▶ Snapshot ──▶ ledger
//	                                             └──▶ Failure  ──▶ Gap
//
// One reading is one snapshot or one gap with a reason (C33). A collector reads
// and never writes. One server's trouble never delays another.
package collect
