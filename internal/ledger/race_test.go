//go:build race

package ledger_test

// randomLedgers is smaller under the race detector, where SQLite is ten times slower.
const randomLedgers = "8"
