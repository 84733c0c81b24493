package statement_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/statement"
)

// What other counting systems got wrong (docs/lessons.md), as properties of a month.

// count counts a month that is over from all that is known.
func (w *world) count(company usage.CompanyID, month usage.Month) (statement.Content, []statement.Workload) {
	w.t.Helper()
	head, err := w.store.Head(w.t.Context())
	w.check(err)
	content, workloads, err := w.Count(w.t.Context(), company, month, head.Position+1, time.Time{})
	w.check(err)
	return content, workloads
}

// counts writes what is used of each type, over rows of whatever.
func counts(rows ...metering.Row) map[string]int64 {
	sum := map[string]int64{}
	for _, r := range rows {
		sum[r.Type] += r.Rental.Count + r.New.Count + r.Used.Count
	}
	return sum
}

// Vault #18916: when a part was deleted, the parts of the past did not add up to the whole of the past any more. Here
// companies, servers and tenants are renamed, moved and removed: every past instant and every month that is over says what it
// said before, and its parts add up.
func TestPartsOfDeletedServerStillAddUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	north, south := w.company("Northwind"), w.company("Contoso")
	companies := []usage.CompanyID{usage.Unassigned, north, south}
	own := []usage.ServerID{w.server(fleet.NewServer{Name: "VBR01", Company: north}), w.server(fleet.NewServer{Name: "VBR02", Company: south})}
	shared := w.server(fleet.NewServer{Name: "VBR03", Shared: true})
	for i, c := range []usage.CompanyID{north, south} {
		_, err := w.fleet.EditCompany(t.Context(), c, fleet.CompanyEdit{AddTenants: []fleet.Tenant{{Name: fmt.Sprint("tenant ", i)}}})
		w.check(err)
	}
	for d := range 5 {
		w.now = at(2026, 9, 3+6*d)
		for i, v := range own {
			w.read(v, usage.ProductVBR, func(s *usage.Snapshot) { machines(s, "VBR_vSphere_VM", upTo(2+i+d)...) })
		}
		s := usage.Snapshot{
			TakenAt: w.now, Product: usage.ProductVBR, Server: usage.ServerFacts{InstallationID: "shared", Name: "n"}, License: usage.License{Type: "Subscription"},
		}
		for n := range 9 {
			s.Workloads = append(s.Workloads, usage.Workload{ID: fmt.Sprint(n), Type: "VBR_HyperV_VM", Tenant: fmt.Sprint("tenant ", n%3)})
		}
		_, err := w.ledger.AppendSnapshot(t.Context(), shared, true, s)
		w.check(err)
	}
	past := func() (said []string) {
		t.Helper()
		for d := 2; d < 31; d += 7 {
			var parts, wholes []metering.Row
			for _, c := range companies {
				tally, err := w.ledger.Usage(t.Context(), ledger.Query{Company: c, Product: usage.ProductVBR, At: at(2026, 9, d)})
				w.check(err)
				wholes = append(wholes, tally.Rows...)
				for _, s := range tally.Servers {
					parts = append(parts, s.Rows...)
					said = append(said, fmt.Sprint(d, " company ", c, " server ", s.Server, " ", s.Rows, " unknown ", s.Unknown))
				}
			}
			same(t, counts(wholes...), counts(parts...))
			if d > 3 {
				same(t, int64(9), counts(wholes...)["VBR_HyperV_VM"]) // the shared server's, whoever's they are
			}
		}
		return said
	}
	months := func() (said []string) {
		t.Helper()
		for _, c := range companies {
			content, workloads := w.count(c, september)
			rows, err := json.Marshal([]any{content.Rows, content.Classes, content.Workloads, content.Digest})
			w.check(err)
			said = append(said, string(rows), fmt.Sprint(len(workloads)))
		}
		return said
	}
	w.now = at(2026, 10, 5)
	pastBefore, monthsBefore := past(), months()
	name := "renamed"
	for _, change := range []struct {
		what string
		do   func() error
	}{
		{"a company is renamed", func() error {
			_, err := w.fleet.EditCompany(t.Context(), north, fleet.CompanyEdit{Name: &name})
			return err
		}},
		{"a server is renamed", func() error {
			_, err := w.fleet.EditServer(t.Context(), own[0], fleet.ServerEdit{Name: &name})
			return err
		}},
		{"a server moves", func() error {
			_, err := w.fleet.EditServer(t.Context(), own[0], fleet.ServerEdit{Company: &south})
			return err
		}},
		{"a tenant is taken away", func() error {
			_, err := w.fleet.EditCompany(t.Context(), south, fleet.CompanyEdit{RemoveTenants: []fleet.Tenant{{Name: "tenant 1"}}})
			return err
		}},
		{"servers are removed", func() error {
			for _, v := range []usage.ServerID{own[0], own[1], shared} {
				w.check(w.fleet.RemoveServer(t.Context(), v, time.Time{}))
			}
			return nil
		}},
		{"companies are removed", func() error {
			w.check(w.fleet.RemoveCompany(t.Context(), north))
			return w.fleet.RemoveCompany(t.Context(), south)
		}},
	} {
		w.now = w.now.Add(time.Hour)
		w.check(change.do())
		t.Log(change.what)
		same(t, pastBefore, past())
		same(t, monthsBefore, months())
	}
}

// SWATCH SW-3024: a retry in the wrong state doubled the usage. Here a reading, its retry, a late one, its retry and the
// month's close come in every order there is, and lead to the same statement once everything is settled.
func TestEveryOrderOfRetryLateDataAndCloseEndsAlike(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	because := map[string]string{"*": "r"}
	closeMonth := func(c usage.CompanyID) {
		_, _, _ = w.Draft(t.Context(), c, september, "a") // it may be approved or final already
		_, _ = w.Approve(t.Context(), c, september, "a", because, false)
		_, _ = w.Finalise(t.Context(), c, september, "a")
	}
	read := func(v usage.ServerID, at time.Time, n int) {
		w.read(v, usage.ProductVBR, func(s *usage.Snapshot) { s.TakenAt = at; machines(s, "VBR_vSphere_VM", upTo(n)...) })
	}
	orders := permutations([]string{"reading", "reading", "late", "late", "close"})
	superseded := 0
	for i, order := range orders {
		w.now = at(2026, 9, 1)
		c := w.company(fmt.Sprint("company ", i))
		v := w.server(fleet.NewServer{Name: fmt.Sprint("VBR", i), Company: c})
		w.now = at(2026, 10, 1)
		for _, event := range append(order, "close") {
			switch event {
			case "reading":
				read(v, at(2026, 9, 29), 7)
			case "late":
				read(v, at(2026, 9, 30), 5)
			case "close":
				closeMonth(c)
			}
		}
		if _, err := w.Supersede(t.Context(), c, september, "a", "late"); err == nil {
			superseded++
			closeMonth(c)
		}
		final := w.must(w.Show(t.Context(), c, september, 0))
		if got := strings.Join(figures(&final), "; "); final.State != statement.Final ||
			got != "VBR_vSphere_VM Instances: used 5/5, new 0/0, rental 0/0, billed 5/5" || final.Content.Servers[0].Reading.Count != 2 {
			t.Errorf("%v: %s, %s, %d readings", order, final.State, got, final.Content.Servers[0].Reading.Count)
		}
	}
	if len(orders) != 30 || superseded == 0 || superseded == len(orders) {
		t.Errorf("%d orders, %d of them superseded: it proves too little", len(orders), superseded)
	}
}

// permutations gives every order of words, each once.
func permutations(words []string) (all [][]string) {
	if len(words) == 0 {
		return [][]string{nil}
	}
	for i, word := range words {
		if slices.Contains(words[:i], word) {
			continue
		}
		for _, rest := range permutations(slices.Concat(words[:i], words[i+1:])) {
			all = append(all, append([]string{word}, rest...))
		}
	}
	return all
}

// SWATCH SW-3545: rows came in no order, and with another one a correction was wrong, which nobody could reproduce. Here
// what was read arrives in another order, with its lists in another order, and the month's bytes are the same.
func TestShuffledInputGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	var bytes []string
	for seed := range uint64(3) {
		w := newWorld(t)
		random := rand.New(rand.NewPCG(seed, 1))
		shuffled := func(n int, swap func(i, j int)) {
			if seed > 0 {
				random.Shuffle(n, swap)
			}
		}
		c := w.company("Northwind")
		var servers []usage.ServerID
		for i := range 3 {
			product := []usage.Product{usage.ProductVBR, usage.ProductVBR, usage.ProductConsole}[i]
			servers = append(servers, w.server(fleet.NewServer{Name: fmt.Sprint("S", i), Company: c, Product: product, Domain: "em"}))
		}
		var arrivals []func()
		for d := range 6 {
			for i, v := range servers {
				arrivals = append(arrivals, func() {
					w.read(v, []usage.Product{usage.ProductVBR, usage.ProductVBR, usage.ProductConsole}[i], func(s *usage.Snapshot) {
						s.TakenAt = at(2026, 9, 1+5*d)
						machines(s, []string{"VBR_vSphere_VM", "VBR_vSphere_VM", "VAC_Server_Agent"}[i], upTo(3+(d*7+i)%5)...)
						machines(s, "Toaster", upTo(2)...)
						s.Counters = []usage.Counter{{Type: "VBR_HyperV_VM", Used: 2}, {Type: "VBR_vSphere_VM", New: 1}, {Type: "Toaster", Used: 1}}
						s.Notes = []usage.Note{{Code: "a"}, {Code: "b"}}
						shuffled(len(s.Workloads), func(i, j int) { s.Workloads[i], s.Workloads[j] = s.Workloads[j], s.Workloads[i] })
						shuffled(len(s.Counters), func(i, j int) { s.Counters[i], s.Counters[j] = s.Counters[j], s.Counters[i] })
						shuffled(len(s.Notes), func(i, j int) { s.Notes[i], s.Notes[j] = s.Notes[j], s.Notes[i] })
					})
				})
			}
		}
		for _, reason := range []usage.GapReason{usage.GapTLS, usage.GapTimeout, usage.GapDenied} {
			arrivals = append(arrivals, func() {
				_, err := w.ledger.AppendGap(t.Context(), servers[0], usage.Gap{At: at(2026, 9, 12), Reason: reason})
				w.check(err)
			})
		}
		shuffled(len(arrivals), func(i, j int) { arrivals[i], arrivals[j] = arrivals[j], arrivals[i] })
		w.now = at(2026, 10, 3)
		for _, arrive := range arrivals {
			arrive()
		}
		content, workloads := w.count(c, september)
		body, err := json.Marshal([]any{content, workloads})
		w.check(err)
		bytes = append(bytes, string(body))
	}
	for seed := range bytes {
		if d := cmp.Diff(strings.Split(bytes[0], ","), strings.Split(bytes[seed], ",")); d != "" {
			t.Errorf("in order (-), shuffled by %d (+)\n%s", seed, d)
		}
	}
}

// Kill Bill: usage that came some periods late was left out, and nobody was told. Here what comes late, by however much, is
// in the figure of its time and tells a final statement of that time, or is refused with a reason and changes nothing.
func TestLateFactsAreAppliedOrRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.now = at(2020, 1, 1)
	c, other := w.company("Northwind"), w.company("Contoso")
	v := w.server(fleet.NewServer{Name: "VBR01", Company: c})
	read := func(at time.Time, n int) ledger.Receipt {
		t.Helper()
		s := usage.Snapshot{TakenAt: at, Product: usage.ProductVBR, Server: usage.ServerFacts{InstallationID: "i", Name: "n"}, License: usage.License{Type: "Subscription"}}
		machines(&s, "VBR_vSphere_VM", upTo(n)...)
		r, err := w.ledger.AppendSnapshot(t.Context(), v, false, s)
		w.check(err)
		return r
	}
	used := func(at time.Time) int64 {
		t.Helper()
		tally, err := w.ledger.Usage(t.Context(), ledger.Query{Company: c, Product: usage.ProductVBR, At: at})
		w.check(err)
		return counts(tally.Rows...)["VBR_vSphere_VM"]
	}
	w.now = at(2026, 9, 30)
	read(w.now, 3)
	w.now = at(2026, 10, 1)
	w.must(statementOf(w.Draft(t.Context(), c, september, "a")))
	w.must(w.Approve(t.Context(), c, september, "a", nil, false))
	final := w.must(w.Finalise(t.Context(), c, september, "a"))
	outdated := func(what string, want bool) {
		t.Helper()
		if got, err := w.Outdated(t.Context(), &final); err != nil || got != want {
			t.Errorf("%s: the final statement is outdated: %v, %v", what, got, err)
		}
	}
	w.now = at(2026, 11, 20)
	for i, months := range []int{80, 60, 25, 13, 6, 2} {
		late := at(2026, 11, 10).AddDate(0, -months, 0)
		before := used(late)
		read(late, 10+i)
		if got := used(late); got != int64(10+i) || before == got {
			t.Errorf("%d months late: %d machines, before it %d", months, got, before)
		}
	}
	outdated("a reading of 10 September", true)
	w.must(w.Supersede(t.Context(), c, september, "a", "late"))
	w.must(w.Approve(t.Context(), c, september, "a", nil, false))
	final = w.must(w.Finalise(t.Context(), c, september, "a"))
	outdated("superseded", false)
	late := read(at(2026, 9, 30).Add(time.Hour), 4)
	outdated("a late reading", true)
	_, err := w.ledger.Correct(t.Context(), ledger.Correction{Entry: late.Position, Reason: "r", Actor: "a"})
	w.check(err)
	outdated("it is revoked", false)
	_, err = w.ledger.AppendGap(t.Context(), v, usage.Gap{At: at(2026, 9, 12), Reason: usage.GapTLS})
	w.check(err)
	outdated("a late gap", true)
	before := used(at(2023, 1, 1))
	_, err = w.fleet.EditServer(t.Context(), v, fleet.ServerEdit{Company: &other, From: at(2022, 1, 1)})
	w.check(err)
	if before == 0 || used(at(2023, 1, 1)) != 0 {
		t.Errorf("moved from 2022 on: %d machines in 2023, before %d", used(at(2023, 1, 1)), before)
	}
	head, err := w.store.Head(t.Context())
	w.check(err)
	for at, code := range map[time.Time]fault.Code{
		at(1999, 12, 31):           fault.Invalid,  // before our time
		at(2026, 9, 30):            fault.Conflict, // there is another one of that instant
		w.now.Add(6 * time.Minute): fault.Invalid,  // to come
	} {
		s := usage.Snapshot{TakenAt: at, Product: usage.ProductVBR, Server: usage.ServerFacts{InstallationID: "i", Name: "n"}, License: usage.License{Type: "Free"}}
		_, err := w.ledger.AppendSnapshot(t.Context(), v, false, s)
		w.refused(err, code)
	}
	after, err := w.store.Head(t.Context())
	w.check(err)
	same(t, head, after)
}

// Kill Bill's TestDSTUsageIssue: where clocks change, usage fell out of its period. Here months have the hours that they
// have, and an hour that comes twice is two.
func TestMonthsHaveTheirHours(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.check(w.fleet.SetZone(t.Context(), "Europe/Berlin"))
	c := w.company("Northwind")
	v := w.server(fleet.NewServer{Name: "VBR01", Company: c})
	w.now = at(2027, 5, 1)
	hours := func() (hours []int) {
		t.Helper()
		for m := september; m.Before(usage.Month{Year: 2027, Month: time.May}); m = m.Next() {
			content, _ := w.count(c, m)
			hours = append(hours, content.Servers[0].Reading.HoursWithout)
		}
		return hours
	}
	same(t, []int{720, 745, 720, 744, 744, 672, 743, 720}, hours())
	// 25 October 2026 has 02:30 twice, 28 March 2027 has none.
	for _, taken := range []time.Time{
		time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC),
		time.Date(2027, 3, 28, 0, 30, 0, 0, time.UTC), time.Date(2027, 3, 28, 1, 30, 0, 0, time.UTC),
		time.Date(2026, 10, 31, 22, 59, 59, 999999000, time.UTC), time.Date(2026, 10, 31, 23, 0, 0, 0, time.UTC), // the last of October, the first of November
	} {
		w.read(v, usage.ProductVBR, func(s *usage.Snapshot) { s.TakenAt = taken })
	}
	same(t, []int{720, 742, 719, 744, 744, 672, 741, 720}, hours())
}

// The vendor console's guide: servers that could not be read, or have another's installation id, are left out of its report,
// and nothing there looks like nothing read. Here each has a line that says what it is.
func TestNotCollectedClonedAndZeroHaveALineEach(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.company("Northwind")
	w.server(fleet.NewServer{Name: "NEVER", Company: c})
	failed := w.server(fleet.NewServer{Name: "FAILED", Company: c})
	var clones []usage.ServerID
	for _, name := range []string{"CLONE1", "CLONE2"} {
		clones = append(clones, w.server(fleet.NewServer{Name: name, Company: c}))
	}
	zero := w.server(fleet.NewServer{Name: "ZERO", Company: c})
	good := w.server(fleet.NewServer{Name: "GOOD", Company: c})
	w.now = at(2026, 9, 30)
	_, err := w.ledger.AppendGap(t.Context(), failed, usage.Gap{At: w.now, Reason: usage.GapRefused, Text: "wrong password"})
	w.check(err)
	for i, v := range append(clones, good) {
		w.read(v, usage.ProductVBR, func(s *usage.Snapshot) {
			if v != good {
				s.Server.InstallationID = "cloned"
			}
			machines(s, "VBR_vSphere_VM", upTo(i+1)...)
		})
	}
	w.read(zero, usage.ProductVBR, func(*usage.Snapshot) {})
	w.now = at(2026, 10, 1)
	draft, _, err := w.Draft(t.Context(), c, september, "a")
	w.check(err)
	body, err := draft.Encode()
	w.check(err)
	kept, err := statement.Decode(body)
	w.check(err)
	var lines []string
	for _, s := range kept.Content.Servers {
		lines = append(lines, fmt.Sprintf("%s unknown %t, cloned %t, zero %t, gaps %d", s.Name, s.Unknown, s.Cloned, s.Zero, len(s.Gaps)))
	}
	same(t, []string{
		"NEVER unknown true, cloned false, zero false, gaps 0",
		"FAILED unknown true, cloned false, zero false, gaps 1",
		"CLONE1 unknown false, cloned true, zero false, gaps 0",
		"CLONE2 unknown false, cloned true, zero false, gaps 0",
		"ZERO unknown false, cloned false, zero true, gaps 0",
		"GOOD unknown false, cloned false, zero false, gaps 0",
	}, lines)
	same(t, []string{"VBR_vSphere_VM Instances: used 6/6, new 0/0, rental 0/0, billed 6/6"}, figures(&draft)) // clones count, both
	_, err = w.Approve(t.Context(), c, september, "a", nil, false)
	for _, issue := range []string{"unknown/1", "unknown/2"} {
		if err == nil || !strings.Contains(err.Error(), issue) {
			t.Errorf("approving does not ask for %s: %v", issue, err)
		}
	}
}

// Commvault's and Acronis's own documents warn that the figure on the screen is no bill. Here nothing can be billed of a
// month that is running, and what is shown of it says that it is open and until when it was counted.
func TestRunningMonthIsNoBill(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.check(w.fleet.SetZone(t.Context(), "America/New_York"))
	c := w.company("Northwind")
	v := w.server(fleet.NewServer{Name: "VBR01", Company: c})
	for _, now := range []time.Time{at(2026, 9, 20), at(2026, 10, 1)} { // it is October in UTC, and not in New York
		w.now = now
		w.read(v, usage.ProductVBR, func(s *usage.Snapshot) { machines(s, "VBR_vSphere_VM", upTo(now.Day())...) })
		open := w.must(w.Show(t.Context(), c, september, 0))
		if open.State != statement.Open || open.Number != 0 || open.Content.At.After(now) {
			t.Errorf("at %s it is %s, no. %d, counted at %s", now, open.State, open.Number, open.Content.At)
		}
		because := map[string]string{"*": "r"}
		for _, step := range []func() error{
			func() error { _, _, err := w.Draft(t.Context(), c, september, "a"); return err },
			func() error { _, err := w.Approve(t.Context(), c, september, "a", because, false); return err },
			func() error { _, err := w.Finalise(t.Context(), c, september, "a"); return err },
			func() error { _, err := w.Supersede(t.Context(), c, september, "a", "r"); return err },
		} {
			if err := step(); !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.NotFound) {
				t.Errorf("at %s: %v", now, err)
			}
		}
		if _, left, err := w.ApproveDue(t.Context(), []usage.CompanyID{c}, september); err != nil || left != 1 {
			t.Errorf("at %s the clock leaves %d, %v", now, left, err)
		}
		kept, err := w.store.StatementsOf(t.Context(), c)
		w.check(err)
		same(t, 0, len(kept))
	}
}
