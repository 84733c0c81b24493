package sqlstore

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/ledger"
)

// Of very many entries one is given that stands for all: for everybody, from the beginning of time, as late as the last.
func TestManyEntriesAreNotToldApart(t *testing.T) {
	t.Parallel()
	v := view{p: &projection{}, before: 100_001}
	few := arriving{found: make([]arrival, arrivedMax)}
	if got := few.concern(v); len(got) != arrivedMax {
		t.Errorf("%d entries are told apart, not %d", len(got), arrivedMax)
	}
	many := arriving{found: make([]arrival, arrivedMax+1)}
	if d := cmp.Diff([]ledger.Arrival{{Position: 100_000}}, many.concern(v)); d != "" {
		t.Errorf("want (-), got (+)\n%s", d)
	}
}
