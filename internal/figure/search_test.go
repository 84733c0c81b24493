package figure_test

import (
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/testkit"
)

// A search that goes on from where it was broken off, by number or by time, finds what one in a single piece finds, once and in its order.
func TestSearchGoesOn(t *testing.T) {
	t.Parallel()
	ctx, clock := t.Context(), testkit.At(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
	store := must[*sqlite.Store](t)(sqlite.Open(ctx, filepath.Join(t.TempDir(), "t.db"), sqlite.Now(clock.Now)))
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	var uids atomic.Int64
	directory := &fleet.Directory{Companies: store, Servers: store, Policy: store, Now: clock.Now, NewUID: func() string { return fmt.Sprintf("5b0f0000-0000-4000-8000-%012d", uids.Add(1)) }}
	catalogs := &fleet.Catalogs{Policy: store, Now: clock.Now}
	if err := catalogs.Update(ctx); err != nil {
		t.Fatal(err)
	}
	l := &ledger.Ledger{Store: store, History: store, Catalogs: catalogs, Now: clock.Now}
	for i := range 4 {
		c := must[fleet.Company](t)(directory.AddCompany(ctx, fleet.NewCompany{Name: fmt.Sprintf("Company %d", i)}))
		id := fmt.Sprintf("c0de0000-0000-4000-8000-%012d", i+1)
		s := must[fleet.Server](t)(directory.AddServer(ctx, fleet.NewServer{Name: fmt.Sprintf("VBR%02d", i), Company: c.ID, InstallationID: id}))
		r := reading(clock.Now().Add(-time.Hour), 5)
		r.Server.InstallationID = id
		must[ledger.Receipt](t)(l.AppendSnapshot(ctx, s.ID, false, r))
	}
	slow := clock.Now()
	ticks := func() time.Time { slow = slow.Add(time.Second); return slow } // every look at the clock takes a second
	s := &figure.Service{Ledger: l, Companies: store, Calendar: directory.Calendar, Now: ticks}
	whole := must[[]figure.FoundWorkload](t)(s.FindWorkloads(ctx, "VBR_"))
	if len(whole) != 0 {
		t.Errorf("a type is found as a name: %v", whole)
	}
	if _, err := s.Search(ctx, figure.Search{Text: " "}); !fault.Is(err, fault.Invalid) {
		t.Errorf("an empty text: %v", err)
	}
	for _, text := range []string{"a", "B", "e"} {
		whole := must[[]figure.FoundWorkload](t)(s.FindWorkloads(ctx, text))
		if len(whole) != 4 {
			t.Fatalf("%q: %d found", text, len(whole))
		}
		for _, q := range []figure.Search{{Most: 100, Within: time.Hour}, {Most: 1, Within: time.Hour}, {Most: 3, Within: time.Hour}, {Most: 100, Within: 0}} {
			q.Text = text
			var all []figure.FoundWorkload
			pieces := 0
			for {
				pieces++
				out := must[figure.Searched](t)(s.Search(ctx, q))
				all = append(all, out.Found...)
				if len(out.Found) > q.Most || out.Of != 4 || pieces > 10 {
					t.Fatalf("%q: %d pieces, %+v", text, pieces, out)
				}
				if out.Next == nil {
					break
				}
				q.From = *out.Next
			}
			if q.Within == 0 && pieces < 4 || q.Most == 1 && pieces != 4 {
				t.Errorf("%q, at most %d within %v: %d pieces", text, q.Most, q.Within, pieces)
			}
			for i := range all {
				if all[i].Server != whole[i].Server || all[i].Key != whole[i].Key || all[i].Company != usage.CompanyID(i+2) {
					t.Errorf("%q: row %d is %v, want %v", text, i, all[i], whole[i])
				}
			}
			if len(all) != len(whole) {
				t.Errorf("%q: %d rows, want %d", text, len(all), len(whole))
			}
		}
	}
	r := reading(clock.Now(), 6)
	r.Server.InstallationID = "c0de0000-0000-4000-8000-000000000002"
	must[ledger.Receipt](t)(l.AppendSnapshot(ctx, 2, false, r))
	if now := must[figure.Searched](t)(s.Search(ctx, figure.Search{Text: "F", Most: 9, Within: time.Hour})); len(now.Found) != 1 || now.Found[0].Company != 3 {
		t.Errorf("what came since the last search: %+v", now)
	}
	to := usage.CompanyID(5)
	must[fleet.Server](t)(directory.EditServer(ctx, 2, fleet.ServerEdit{Company: &to}))
	clock.Add(time.Minute)
	slow = clock.Now()
	if now := must[figure.Searched](t)(s.Search(ctx, figure.Search{Text: "f", Most: 9, Within: time.Hour})); len(now.Found) != 1 || now.Found[0].Company != 5 {
		t.Errorf("what another company has by now: %+v", now)
	}
	if own := must[figure.Searched](t)(s.Search(ctx, figure.Search{Text: "a", Only: 4, Most: 9, Within: time.Hour})); len(own.Found) != 1 || own.Found[0].Company != 4 {
		t.Errorf("of one company: %+v", own)
	}
}
