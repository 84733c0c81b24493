// Package sim is a set of simulated Veeam Backup & Replication servers that
// speak the vendor's REST over HTTPS, from a scenario file.
//
//	Scenario (TOML or Demo) ──▶ Start ──▶ Fleet ──▶ one HTTPS listener a server
//	                                        │
//	                              Clock ────┴──▶ what each server says at that instant
//
// A scenario says when each workload is first and last protected; everything
// that a server answers (license totals, the list, the report, restore points)
// follows from that and from the simulated time, and from nothing else: two
// fleets of one scenario give equal bytes. The wire is written here a second
// time, on purpose: the collector shares no line with it, so that one mistake is
// not made on both sides. Names that public material does not give are marked as
// inference in kinds.go. The file format is docs/scenario.md.
package sim
