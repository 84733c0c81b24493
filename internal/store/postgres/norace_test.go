//go:build !race

package postgres

// randomLedgers is the number of random ledgers that are compared unless -rapid.checks says otherwise.
const randomLedgers = "20"

// longBetween is whether the long seed is also migrated from schemas between two fixtures.
const longBetween = true
