package fleet_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/fleet"
)

func ref[T any](v T) *T { return &v }

// Whatever a server says is kept in a form that every engine can hold, and nothing of it stands for two things.
func TestNormalizeInventory(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 10, 2, 3, 4, 5, 678901234, time.FixedZone("east", 3*3600))
	cut := time.Date(2026, 10, 2, 0, 4, 5, 678901000, time.UTC)
	got := fleet.Inventory{
		Server: 7, At: at, Failed: "a\nb",
		Repositories: []fleet.Repository{
			{ID: 9, Server: 8, UID: "A1", Name: " one\x00two\xff ", Capacity: ref(int64(-1)), Free: ref(int64(0)), Used: ref(int64(5))},
			{UID: "a1", Name: "again"},
			{Name: "no id"},
			{UID: "b", Name: strings.Repeat("ü", 300)},
		},
		Jobs: []fleet.Job{{
			UID: "J", LastRun: &at, EndedAt: &at, Objects: -3, Duration: ref(1500 * time.Nanosecond), Rate: ref(int64(-1)), Transferred: ref(int64(1)),
			Type: "x\ty", Workload: "\r", Schedule: "\u0085s", Bottleneck: "b\n",
		}, {UID: "k", Duration: ref(-time.Second)}},
	}
	got.Normalize()
	want := fleet.Inventory{
		Server: 7, At: cut, Failed: "a b",
		Repositories: []fleet.Repository{
			{Server: 7, UID: "a1", Name: "one two\ufffd", Free: ref(int64(0)), Used: ref(int64(5))},
			{Server: 7, UID: "b", Name: strings.Repeat("ü", 256)},
		},
		Jobs: []fleet.Job{{
			Server: 7, UID: "j", LastRun: &cut, EndedAt: &cut, Duration: ref(time.Microsecond), Transferred: ref(int64(1)),
			Type: "x y", Schedule: "s", Bottleneck: "b",
		}, {Server: 7, UID: "k"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	unread := fleet.Inventory{Server: 7, Jobs: []fleet.Job{}}
	unread.Normalize()
	if unread.Repositories != nil || unread.Jobs == nil {
		t.Error("what was not read is not what is empty", unread)
	}
}
