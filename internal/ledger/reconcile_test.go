package ledger_test

import (
	stdcmp "cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// reconciled is a random place whose counters say what we compute, more or less.
type reconciled struct {
	place
	*rand.Rand
	t         *testing.T
	now       time.Time
	start     time.Time
	companies []usage.CompanyID
	servers   []fleet.Server
	moments   []time.Time // at which anything may have changed
	tallies   map[usage.CompanyID][]*metering.Tally
}

// oneIn says yes once in n times.
func (w *reconciled) oneIn(n int) bool { return w.IntN(n) == 0 }

func newReconciled(t *testing.T, seed uint64) *reconciled {
	t.Helper()
	w := &reconciled{t: t, Rand: rand.New(rand.NewPCG(seed, 7)), start: time.Date(2026, 9, 20, 2, 0, 0, 0, time.UTC)}
	w.now = w.start
	w.place = newPlace(t, func() time.Time { return w.now })
	for i := range 2 {
		c := must[fleet.Company](t)(w.AddCompany(t.Context(), fleet.NewCompany{Name: fmt.Sprint("c", i), Tenants: []fleet.Tenant{{Name: fmt.Sprint("T", i)}}}))
		w.companies = append(w.companies, c.ID)
	}
	for i, owner := range []usage.CompanyID{w.companies[0], w.companies[0], w.companies[1], 0, 0} {
		s := fleet.NewServer{Name: fmt.Sprint("s", i), Company: owner, Shared: owner == 0, InstallationID: fmt.Sprint(i)}
		w.servers = append(w.servers, must[fleet.Server](t)(w.AddServer(t.Context(), s)))
	}
	return w
}

// read appends a reading: some have no list, some lack counters, and of some these part from the list.
func (w *reconciled) read(server int) {
	s := w.servers[server]
	reading := listed(w.now, fmt.Sprint(server))
	for id := range 4 {
		if w.oneIn(4) {
			continue
		}
		last, lapsed := w.now.AddDate(0, 0, -1), w.oneIn(5)
		if lapsed {
			last = w.now.AddDate(0, 0, -40)
		}
		m := usage.Workload{ID: fmt.Sprint(id), Name: "m", Type: "VBR_vSphere_VM", LastProtectedAt: &last}
		if id == 3 {
			m.Type = "VBR_Server_Agent"
		}
		if s.Shared {
			m.Tenant = fmt.Sprint("T", id%3)
		}
		reading.Workloads = append(reading.Workloads, m)
		if !lapsed {
			reading.Counters = append(reading.Counters, usage.Counter{Type: m.Type, Used: 1})
		}
	}
	if w.oneIn(3) || server == 1 { // whose figures part nearly always
		reading.Counters = append(reading.Counters, usage.Counter{Type: "VBR_vSphere_VM", Used: 1 + w.Int64N(2)})
	}
	if w.oneIn(5) {
		reading.Counters = nil
	}
	if w.oneIn(6) {
		reading.Workloads = nil
	}
	must[ledger.Receipt](w.t)(w.AppendSnapshot(w.t.Context(), s.ID, s.Shared, reading))
}

// live lets some months pass, and writes down all figures.
func (w *reconciled) live() {
	for range 40 {
		w.now = w.now.Add(time.Duration(1+w.IntN(96)) * time.Hour)
		w.moments = append(w.moments, w.now.Add(-time.Hour), w.now)
		server := w.IntN(len(w.servers))
		id := w.servers[server].ID
		var err error
		switch step := w.IntN(25); {
		case step == 0 && w.now.After(w.start.AddDate(0, 1, 0)):
			err = w.RemoveServer(w.t.Context(), id, time.Time{})
		case step == 1 && !w.servers[server].Shared:
			company := w.companies[w.IntN(2)]
			_, err = w.EditServer(w.t.Context(), id, fleet.ServerEdit{Company: &company, From: w.now.Add(-time.Hour)})
		case step == 2:
			_, err = w.EditCompany(w.t.Context(), w.companies[0], fleet.CompanyEdit{AddTenants: []fleet.Tenant{{Name: "T2"}}})
		default:
			w.read(server)
		}
		if err != nil && !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.NotFound) {
			w.t.Fatal(err)
		}
	}
	w.now = w.now.Add(time.Duration(w.IntN(800)) * time.Hour)
	for at := w.start.Truncate(24 * time.Hour); !at.After(w.now); at = at.AddDate(0, 0, 1) {
		w.moments = append(w.moments, at)
	}
	slices.SortFunc(w.moments, time.Time.Compare)
	w.tallies = map[usage.CompanyID][]*metering.Tally{}
	for _, company := range w.asked() {
		for _, at := range w.moments {
			q := ledger.Query{Company: company, Product: usage.ProductVBR, At: at, Members: true}
			w.tallies[company] = append(w.tallies[company], must[*metering.Tally](w.t)(w.Usage(w.t.Context(), q)))
		}
	}
}

func (w *reconciled) asked() []usage.CompanyID {
	return append([]usage.CompanyID{usage.Provider}, w.companies...)
}

// moment gives one at which something may have changed, or one between.
func (w *reconciled) moment() time.Time {
	at := w.moments[w.IntN(len(w.moments))]
	return at.Add([]time.Duration{0, time.Microsecond, -time.Microsecond, 5 * time.Hour, -50 * 24 * time.Hour}[w.IntN(5)])
}

// folded folds every figure from the beginning.
func (w *reconciled) folded(company usage.CompanyID, from, to time.Time) (want []ledger.Parting) {
	var fold metering.Reconciliation
	for _, tally := range w.tallies[company] {
		if tally.At.After(to) {
			break
		}
		for _, d := range fold.Observe(tally) {
			if tally.At.After(from) {
				want = append(want, ledger.Parting{Difference: d, Closed: tally.At})
			}
		}
	}
	for _, d := range fold.Open() {
		want = append(want, ledger.Parting{Difference: d})
	}
	for i := range want {
		want[i].ServerName = fmt.Sprint("s", want[i].Server-1)
	}
	slices.SortFunc(want, func(a, b ledger.Parting) int {
		return stdcmp.Or(stdcmp.Compare(a.Server, b.Server), strings.Compare(a.Type, b.Type), a.Since.Compare(b.Since))
	})
	return want
}

// Reconciling a span says what folding every figure from the beginning of history says of it, whatever happened before.
func TestReconcileIsWhatFiguresSay(t *testing.T) {
	t.Parallel()
	reached := map[string]int{}
	for seed := range uint64(8) {
		w := newReconciled(t, seed)
		w.live()
		for range 60 {
			company, from, to := w.asked()[w.IntN(3)], w.moment(), w.moment()
			if !from.Before(to) {
				continue
			}
			got := must[[]ledger.Parting](t)(w.Reconcile(t.Context(), ledger.Span{Company: company, Product: usage.ProductVBR, From: from, To: to}))
			if d := cmp.Diff(w.folded(company, from, to), got, cmpopts.EquateEmpty()); d != "" {
				t.Fatalf("place %d, company %s from %s to %s: folded (-), reconciled (+)\n%s", seed, company, from, to, d)
			}
			for _, p := range got {
				reached[fmt.Sprint("closed ", !p.Closed.IsZero(), ", shared ", company == usage.Provider)]++
				if p.Since.Before(from) {
					reached["opened before"]++
				}
			}
		}
		w.parted(reached)
	}
	for _, want := range []string{
		"closed true, shared true", "closed true, shared false", "closed false, shared true", "closed false, shared false", "opened before", "lasting", "not lasting",
	} {
		if reached[want] < 5 {
			t.Errorf("%q is reached %d times", want, reached[want])
		}
	}
}

// parted holds what is asked of a server alone to what folding everything says.
func (w *reconciled) parted(reached map[string]int) {
	for range 40 {
		company, s, since := w.asked()[w.IntN(3)], w.servers[w.IntN(len(w.servers))], w.moment()
		var want []string
		for _, p := range w.folded(company, w.now, w.now) {
			switch {
			case p.Server != s.ID:
			case p.Since.After(since):
				reached["not lasting"]++
			default:
				reached["lasting"]++
				want = append(want, p.Type)
			}
		}
		got := must[[]string](w.t)(w.Parted(w.t.Context(), company, usage.ProductVBR, s.ID, since))
		if !slices.Equal(want, got) {
			w.t.Fatalf("company %s, %s since %s: %v, folded %v", company, s.Name, since, got, want)
		}
	}
}

// What cannot be asked for is refused; of what has not begun there is nothing, and nothing is foretold.
func TestReconcileNowAndThen(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC)
	p := newPlace(t, func() time.Time { return now })
	for _, wrong := range []ledger.Span{{From: now, To: now}, {From: now.AddDate(0, -1, 0), To: now, RecordedBefore: now.Add(time.Second)}} {
		if _, err := p.Reconcile(t.Context(), wrong); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
	company := must[fleet.Company](t)(p.AddCompany(t.Context(), fleet.NewCompany{Name: "Northwind"})).ID
	server := must[fleet.Server](t)(p.AddServer(t.Context(), fleet.NewServer{Name: "VBR01", Company: company, InstallationID: "i"}))
	// It reports one that is new, and we see one that is used: at the month's edge they will agree (C23).
	reading := listed(now, "i", usage.Workload{ID: "1", Name: "a", Type: "VBR_vSphere_VM"})
	reading.Counters = []usage.Counter{{Type: "VBR_vSphere_VM", New: 1}}
	must[ledger.Receipt](t)(p.AppendSnapshot(t.Context(), server.ID, false, reading))
	q := ledger.Span{Company: company, Product: usage.ProductVBR, From: now.AddDate(0, -1, 0), To: now.AddDate(0, 1, 0)}
	if got := must[[]ledger.Parting](t)(p.Reconcile(t.Context(), q)); len(got) != 1 || !got[0].Closed.IsZero() || !got[0].Since.Equal(now) {
		t.Errorf("now: %+v", got)
	}
	q.RecordedBefore = now
	if got := must[[]ledger.Parting](t)(p.Reconcile(t.Context(), q)); len(got) != 0 {
		t.Errorf("as it was known before: %+v", got)
	}
	q.RecordedBefore, q.From, q.To = time.Time{}, now.Add(time.Microsecond), now.AddDate(0, 2, 0)
	if got := must[[]ledger.Parting](t)(p.Reconcile(t.Context(), q)); len(got) != 0 {
		t.Errorf("of what has not begun: %+v", got)
	}
	edge := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	now = now.AddDate(0, 1, 0)
	if got := must[[]ledger.Parting](t)(p.Reconcile(t.Context(), q)); len(got) != 1 || !got[0].Closed.Equal(edge) {
		t.Errorf("later: %+v", got)
	}
}
