// Package series is the shape of one server's history in a store: spans, not
// copies. It is pure: bytes in, bytes out.
//
// Every snapshot that arrives is a *reading* with a number, counted from 0 in
// the order of arrival. A history is three streams of changes, each kept in
// chunks that a store keeps as rows, and a tip that says where they end:
//
//	index     per reading a few bytes: position, takenAt, what it carried
//	changes   per reading that changed something: the new head (license,
//	          counters, notes); versions of workloads that came and went
//	columns   per reading in which one of units, size, first or last
//	          protection moved: what it moved to, for all of them at once
//
// A workload's version is what is said of it but for those four columns; it
// lives from the reading that lists it to the one that does not. So an
// unchanged reading costs its place in the index, and one in which only dates
// moved a vector of small differences.
//
// Nothing here knows an order of time: which readings are in force at an
// instant and a cutoff, late arrivals and corrections included, is worked out
// from the index when a question is asked, and evidence (counting.md C9) from
// the spans, without going over lists again.
package series
