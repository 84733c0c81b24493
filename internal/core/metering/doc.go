// Package metering is counting: Count turns facts, a catalogue and an instant
// into a Tally. It is pure: no clock, no randomness, no I/O (C42), and it is
// the one function behind every figure (C29).
//
//	snapshots ──Chronicle──▶ evidence (C9, C10)
//	                            │
//	Facts (servers, lists, evidence) ──Count──▶ Tally (rows, members, flags)
//	                                              │
//	                    in the order of T ──Reconciliation──▶ differences (C25)
//
// Rules are named by their number in counting.md.
package metering
