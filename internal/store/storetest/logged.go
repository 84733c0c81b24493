package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store"
)

// loggedTests are about the log of the whole ledger.
var loggedTests = map[string]func(*testing.T, store.Store){
	"each entry says what it is, and whom it concerns": func(t *testing.T, s store.Store) {
		wantEqual(t, 0, len(must1(s.Logged(t.Context(), 0, 10))(t)))
		a, b := newCompany(t, s, "a").ID, newCompany(t, s, "b", fleet.Tenant{Name: "b"}).ID
		of, shared := newServer(t, s, "of", a).ID, newServer(t, s, "shared", 0).ID
		since := must1(s.Head(t.Context()))(t).Position
		reading := must1(s.AppendSnapshot(t.Context(), of, snapshotOf(day(2, 0), "i", "w"), Now()))(t)
		gap := usage.Gap{At: day(3, 0), Reason: usage.GapTLS, Text: "t"}
		must1(s.AppendGap(t.Context(), shared, gap, Now()))(t)
		must1(s.AppendCorrection(t.Context(), ledger.Correction{Entry: reading.Position, Reason: "r", Actor: "x"}, Now()))(t)
		must(t, s.RecordFacts(t.Context(), []usage.Fact{
			serverFact(of, usage.AttrDomain, "d", day(9, 0)),
			{Subject: usage.PolicySubject, Attribute: usage.AttrZone, Value: "UTC", ValidFrom: day(1, 0)},
			{Subject: usage.TenantSubject(0, "b"), Attribute: usage.AttrCompany, Value: a.String(), ValidFrom: day(1, 0)},
		}, Now()))
		got := must1(s.Logged(t.Context(), since, 10))(t)
		want := []ledger.Logged{
			{Kind: ledger.KindSnapshot, Server: of, Companies: []usage.CompanyID{a}},
			{Kind: ledger.KindGap, Server: shared, Gap: &gap, Companies: []usage.CompanyID{usage.Unassigned, a, b}},
			{Kind: ledger.KindCorrection, Server: of, Revokes: reading.Position, Companies: []usage.CompanyID{a}},
			{Kind: ledger.KindFact, Companies: []usage.CompanyID{a}},
			{Kind: ledger.KindFact, AnyCompany: true},
			{Kind: ledger.KindFact, Companies: []usage.CompanyID{usage.Unassigned, a, b}},
		}
		for i := range want {
			want[i].Position, want[i].RecordedAt = since+usage.Position(i+1), reading.RecordedAt.Add(time.Duration(i)*time.Microsecond)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("want (-), got (+)\n%s", d)
		}
	},
	"any part of a long log comes as it is": func(t *testing.T, s store.Store) {
		server := oneServer(t, s)
		gaps := 3000 // more than one piece of the log
		for i := range gaps {
			must1(s.AppendGap(t.Context(), server, usage.Gap{At: day(2, 0).Add(time.Duration(i) * time.Second), Reason: usage.GapTLS, Text: fmt.Sprint(i)}, Now()))(t)
		}
		head := must1(s.Head(t.Context()))(t).Position
		all := must1(s.Logged(t.Context(), 0, 1<<20))(t)
		wantEqual(t, int(head), len(all))
		for after := usage.Position(0); after <= head+1; after += 397 {
			for _, limit := range []int{1, 256, 5000} {
				end := min(int(after)+limit, len(all))
				want := all[min(int(after), len(all)):end]
				if got := must1(s.Logged(t.Context(), after, limit))(t); len(want)+len(got) > 0 && !cmp.Equal(want, got) {
					t.Fatalf("behind %d, at most %d: %d entries", after, limit, len(got))
				}
			}
		}
		if last := all[len(all)-1]; last.Gap == nil || last.Gap.Text != fmt.Sprint(gaps-1) {
			t.Errorf("the last is %+v", last)
		}
	},
}
