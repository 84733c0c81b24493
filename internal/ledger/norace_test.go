//go:build !race

package ledger_test

// randomLedgers is the number of random pairs of processes that are tried on each engine unless -rapid.checks says
// otherwise: each pair has a database of its own.
const randomLedgers = "15"
