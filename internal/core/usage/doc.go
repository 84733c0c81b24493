// Package usage holds the words of the field: companies, servers, workloads,
// snapshots, gaps, months and units, as counting.md §1 defines them.
//
// It is pure data with its validation, its canonical form and its own file
// format (tallystick.snapshot/v1, product.md §3). Nothing in it counts: that is
// metering's part. Times are UTC in microseconds; decimals are Units, int64
// millionths.
package usage
