//go:build race

package postgres

// randomLedgers is smaller under the race detector: races are looked for by the
// tests with many goroutines.
const randomLedgers = "8"
