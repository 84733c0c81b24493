//go:build !race

package bundle

// randomMonths is how many random ledgers are exported.
const randomMonths = 12
