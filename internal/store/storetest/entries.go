package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store"
)

// entriesTests: what is told of the entries themselves.
var entriesTests = map[string]func(*testing.T, store.Store){
	"entries come by their instants, late and revoked ones too": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a")
		server, other := newServer(t, s, "one", c.ID).ID, newServer(t, s, "two", c.ID).ID
		first := must1(s.AppendSnapshot(t.Context(), server, snapshotOf(day(3, 0), "i", "w"), Now()))(t)
		appendAll(t, s, other, snapshotOf(day(3, 1), "j", "w"))
		gap := usage.Gap{At: day(4, 0), Reason: usage.GapTLS, Text: "t"}
		second := must1(s.AppendGap(t.Context(), server, gap, Now()))(t)
		late := must1(s.AppendSnapshot(t.Context(), server, unlisted(day(2, 0), "i"), Now()))(t)
		by := must1(s.AppendCorrection(t.Context(), ledger.Correction{Entry: first.Position, Reason: "wrong", Actor: "x"}, Now()))(t)
		want := []ledger.Entry{
			{Position: late.Position, RecordedAt: late.RecordedAt, At: day(2, 0)},
			{Position: first.Position, RecordedAt: first.RecordedAt, At: day(3, 0), Listed: true, Revoked: &ledger.Revocation{
				Position: by.Position, RecordedAt: by.RecordedAt, Reason: "wrong", Actor: "x",
			}},
			{Position: second.Position, RecordedAt: second.RecordedAt, At: day(4, 0), Gap: &gap},
		}
		wantEqual(t, want, must1(s.Entries(t.Context(), server, day(1, 0), day(5, 0)))(t))
		// From is in it, until is not, to the microsecond.
		wantEqual(t, want[1:2], must1(s.Entries(t.Context(), server, day(3, 0), day(4, 0)))(t))
		wantEqual(t, want[2:], must1(s.Entries(t.Context(), server, day(3, 0).Add(time.Nanosecond), day(4, 0).Add(time.Nanosecond)))(t))
		if rest := must1(s.Entries(t.Context(), server, day(5, 0), day(9, 0)))(t); len(rest) != 0 {
			t.Errorf("%+v", rest)
		}
		_, err := s.Entries(t.Context(), 999, day(1, 0), day(5, 0))
		wantCode(t, err, fault.NotFound)
	},
	"a period is what is in force of it": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a")
		server, other := newServer(t, s, "one", c.ID).ID, newServer(t, s, "two", c.ID).ID
		appendAll(t, s, server, snapshotOf(day(2, 0), "i", "w"), snapshotOf(day(5, 0), "i", "w"), snapshotOf(day(4, 0), "i"), unlisted(day(6, 0), "i"))
		wrong := must1(s.AppendSnapshot(t.Context(), server, snapshotOf(day(4, 12), "i", "w"), Now()))(t)
		gap := usage.Gap{At: day(5, 12), Reason: usage.GapTLS, Text: "t"}
		last := must1(s.AppendGap(t.Context(), server, gap, Now()))(t)
		must1(s.AppendGap(t.Context(), server, usage.Gap{At: day(7, 0), Reason: usage.GapTLS}, Now()))(t)
		must1(s.AppendGap(t.Context(), other, usage.Gap{At: day(5, 0), Reason: usage.GapTLS}, Now()))(t)
		by := must1(s.AppendCorrection(t.Context(), ledger.Correction{Entry: wrong.Position, Reason: "wrong", Actor: "x"}, Now()))(t)
		period := func(before usage.Position) ledger.Period {
			return must1(periodOf(t, s, server, day(4, 0), day(7, 0), before))(t)
		}
		want := ledger.Period{Before: ref(day(2, 0)), Taken: []time.Time{day(4, 0), day(5, 0), day(6, 0)}, Gaps: []usage.Gap{gap}}
		wantEqual(t, want, period(everything))
		want.Taken = []time.Time{day(4, 0), day(4, 12), day(5, 0), day(6, 0)}
		wantEqual(t, want, period(by.Position)) // what was corrected later counted then
		want.Gaps = nil
		wantEqual(t, want, period(last.Position))
		wantEqual(t, ledger.Period{}, must1(periodOf(t, s, other, day(1, 0), day(5, 0), everything))(t))
		_, err := periodOf(t, s, 999, day(1, 0), day(5, 0), everything)
		wantCode(t, err, fault.NotFound)
	},
	"a look is of one state, as of its cutoff": func(t *testing.T, s store.Store) {
		c := newCompany(t, s, "a")
		v := newServer(t, s, "one", c.ID)
		zone := usage.Fact{Subject: usage.PolicySubject, Attribute: usage.AttrZone, Value: "Europe/Berlin"}
		must(t, s.RecordFacts(t.Context(), []usage.Fact{zone}, Now()))
		head := must1(s.Head(t.Context()))(t)
		zone.Position = head.Position
		appendAll(t, s, v.ID, snapshotOf(day(2, 0), "i", "w"))
		for before, want := range map[usage.Position][]string{everything: {"w"}, head.Position + 1: {}} {
			stop := fault.New(fault.Conflict, "stop")
			err := s.Look(t.Context(), before, func(look ledger.View) error {
				appendAll(t, s, v.ID, snapshotOf(day(3, int(before%7)), "i", "w", "later"))
				wantEqual(t, want, listed(must1(look.Facts(t.Context(), c.ID, usage.ProductVBR, Now()))(t))[v.ID])
				wantEqual(t, []usage.Fact{zone}, must1(look.Policy(t.Context(), usage.AttrZone))(t))
				return stop
			})
			if !errors.Is(err, stop) {
				t.Errorf("%v", err)
			}
			must1(s.AppendCorrection(t.Context(), ledger.Correction{Entry: must1(s.Head(t.Context()))(t).Position, Reason: "r", Actor: "a"}, Now()))(t)
		}
		must(t, s.Look(t.Context(), head.Position, func(look ledger.View) error {
			if none := must1(look.Policy(t.Context(), usage.AttrZone))(t); len(none) > 0 {
				t.Errorf("%+v", none)
			}
			return nil
		}))
	},
}

func periodOf(t testing.TB, s store.Store, server usage.ServerID, from, until time.Time, before usage.Position) (p ledger.Period, err error) {
	err = s.Look(t.Context(), before, func(look ledger.View) error {
		p, err = look.Period(t.Context(), server, from, until)
		return err
	})
	return p, err
}
