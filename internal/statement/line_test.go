package statement

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
)

// A workload's line is what encoding/json writes.
func TestLinesAreJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		text := func(label string) string {
			return rapid.OneOf(rapid.StringN(0, 8, 16), rapid.SampledFrom([]string{"", "a<b>&\"\\", "\x00\x7f\u2028é", "\xff"})).Draw(r, label)
		}
		instant := func(label string) *time.Time {
			return rapid.Ptr(rapid.Map(rapid.Int64Range(-1e15, 4e15), func(n int64) time.Time { return time.UnixMicro(n).UTC() }), true).Draw(r, label)
		}
		ref := func(label string) Ref {
			return Ref{usage.ServerID(rapid.Int64().Draw(r, label)), text(label + " tenant"), text(label + " id")}
		}
		workload := func(of *Workload) {
			*of = Workload{
				Product: usage.Product(text("product")), Ref: ref("ref"), Name: text("name"), Type: text("type"), Stated: text("stated"),
				State: metering.State(text("state")), Rule: text("rule"), Unit: usage.UnitKind(text("unit")), Units: usage.Units(rapid.Int64().Draw(r, "units")),
				Answers: rapid.Bool().Draw(r, "answers"), First: instant("first"), Age: text("age"), Last: instant("last"), ListedAt: instant("listed"),
				AssumedUnits: text("assumed"), PeakAt: instant("peak"),
			}
			if rapid.Bool().Draw(r, "charged by another") {
				by := ref("by")
				of.ChargedBy = &by
			}
		}
		var all []Workload
		var want []byte
		for range rapid.IntRange(1, 6).Draw(r, "workloads") {
			var w Workload
			if len(all) > 0 { // as the one before, but for something
				w = all[len(all)-1]
			}
			change := rapid.SampledFrom([]func(){
				func() { workload(&w) }, func() {}, func() { w.Type = text("type") }, func() { w.Stated = text("stated") },
				func() { w.State = metering.State(text("state")) }, func() { w.Rule = text("rule") }, func() { w.Unit = usage.UnitKind(text("unit")) },
				func() { w.Units++ }, func() { w.Answers = !w.Answers }, func() { w.Age = text("age") }, func() { w.ListedAt = instant("listed") },
			})
			change.Draw(r, "change")()
			line, err := json.Marshal(&w)
			if err != nil {
				r.Fatal(err)
			}
			all, want = append(all, w), append(append(want, line...), '\n')
		}
		if got := Lines(all); !bytes.Equal(got, want) {
			r.Fatalf("want %s\ngot  %s", want, got)
		}
	})
}
