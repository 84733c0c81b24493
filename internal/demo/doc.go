// Package demo is the whole product in one command: simulated backup servers
// that speak the vendor's REST, companies, months of history collected over the
// wire, and a running console. Nothing in it is canned: the figures are read
// and counted like anybody's. Time is replayed: the servers' clocks and ours
// step through the months, then run on.
package demo
