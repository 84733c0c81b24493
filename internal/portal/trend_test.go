package portal

import (
	"slices"
	"testing"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// Counters that moved as the list did are explained by it, type by type; else they say something else.
func TestListsSay(t *testing.T) {
	t.Parallel()
	moved := func(server usage.ServerID, id, kind string, units usage.Units) metering.Change {
		return metering.Change{Server: server, Key: usage.WorkloadKey{ID: id}, Delta: []metering.Row{{Type: kind, Unit: usage.Instances, Used: metering.Amount{Units: units}}}}
	}
	d := &metering.Comparison{
		Changes: []metering.Change{moved(1, "", "a", 300), moved(2, "", "a", 300), moved(3, "", "a", 100), moved(3, "", "b", 0), moved(4, "x", "a", 100), moved(5, "", "b", 100)},
		Beside:  []metering.Change{moved(1, "x", "a", 200), moved(1, "y", "a", 100), moved(2, "x", "a", 200), moved(3, "x", "a", 100), moved(5, "x", "a", 100)},
	}
	say := listsSay(d)
	for server, want := range map[usage.ServerID]bool{1: true, 2: false, 3: true, 4: false, 5: false} {
		if say[server] != want {
			t.Errorf("server %d: %v, want %v", server, say[server], want)
		}
	}
}

// An address goes on in another line after a part of a name or before the port, and nowhere else.
func TestPieces(t *testing.T) {
	t.Parallel()
	for address, want := range map[string][]string{
		"vbr01":                  {"vbr01"},
		"vbr01.example.com:9419": {"vbr01.", "example.", "com", ":9419"},
		"[2001:db8::1]:9419":     {"[2001:db8::1]", ":9419"},
		"192.0.2.7":              {"192.", "0.", "2.", "7"},
		"":                       {""},
	} {
		if got := pieces(address); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}
