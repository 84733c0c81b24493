//go:build !race

package postgres

// randomLedgers is the number of random ledgers that are compared unless -rapid.checks says otherwise.
const randomLedgers = "20"
