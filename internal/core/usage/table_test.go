package usage_test

import (
	"math"
	"sync"
	"testing"

	"github.com/tallystick/tallystick/internal/core/usage"
)

// A company's place is its own, never moves, and is made once, whoever asks at the same time; a number that no company has
// takes no memory.
func TestByCompany(t *testing.T) {
	t.Parallel()
	var table usage.ByCompany[int]
	if table.Get(2) != nil {
		t.Error("a place that nobody made")
	}
	const companies = 1000
	first := make([]*int, companies)
	for i := range first {
		first[i] = table.Make(usage.CompanyID(i))
		*first[i] = i
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 2 * companies {
				table.Make(usage.CompanyID(i))
			}
		})
	}
	wg.Wait()
	for i := range first {
		if got := table.Get(usage.CompanyID(i)); got != first[i] || *got != i || table.Make(usage.CompanyID(i)) != got {
			t.Fatalf("the place of company %d moved", i)
		}
	}
	for _, id := range []usage.CompanyID{-1, math.MinInt64, math.MaxInt64, 1 << 40} {
		if place := table.Make(id); place == nil || table.Get(id) != nil {
			t.Errorf("%d has a place that is kept", id)
		}
	}
	seen := 0
	table.All(func(n *int) { seen += *n })
	if seen != companies*(companies-1)/2 {
		t.Errorf("All adds up to %d", seen)
	}
}

// What was kept is visited, also where nobody asked for the companies before it.
func TestAllSkipsWhatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	var table usage.ByCompany[int]
	*table.Make(1000) = 7
	seen := 0
	table.All(func(n *int) { seen += *n })
	if seen != 7 {
		t.Errorf("All adds up to %d", seen)
	}
}
