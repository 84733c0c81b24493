package portal

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// The first of a list are those that sorting the whole of it would put there, equal ones in their order.
func TestFirstOf(t *testing.T) {
	t.Parallel()
	type numbered struct{ key, place int }
	byKey := func(a, b numbered) int { return cmp.Compare(a.key, b.key) }
	rapid.Check(t, func(t *rapid.T) {
		var list []numbered
		for i, key := range rapid.SliceOfN(rapid.IntRange(0, 5), 0, 40).Draw(t, "keys") {
			list = append(list, numbered{key, i})
		}
		most := rapid.IntRange(1, 12).Draw(t, "most")
		want := slices.Clone(list)
		slices.SortStableFunc(want, byKey)
		want = want[:min(len(want), most)]
		if got := firstOf(list, most, byKey); !slices.Equal(got, want) {
			t.Fatalf("the first %d of %v: %v, want %v", most, list, got, want)
		}
	})
}
