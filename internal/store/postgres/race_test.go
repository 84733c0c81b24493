//go:build race

package postgres

// randomLedgers is smaller under the race detector: races are looked for by the
// tests with many goroutines.
const randomLedgers = "8"

// longBetween is whether the long seed is also migrated from schemas between two fixtures: not here, it takes long.
const longBetween = false
