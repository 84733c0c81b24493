//go:build race

package bundle

// randomMonths is fewer where the race detector makes the engine ten times slower.
const randomMonths = 3
