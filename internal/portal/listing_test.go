package portal_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/portal"
)

// A list comes in sheets of a hundred, from wherever it is asked for, and each says where the others are.
func TestSheets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 230 {
		if _, err := w.fleet.AddServer(t.Context(), fleet.NewServer{Name: fmt.Sprintf("many %03d", i), Company: 2, InstallationID: fmt.Sprint("many", i)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"/servers?search=MANY", "/companies/2/servers?search=many"} {
		for _, c := range []struct {
			from         string
			first, last  int
			before, next bool
		}{
			{"", 0, 99, false, true},
			{"0", 0, 99, false, true},
			{"99", 0, 99, false, true},
			{"100", 100, 199, true, true},
			{"229", 200, 229, true, false},
			{"99999999999999999999", 200, 229, true, false},
			{"5000", 200, 229, true, false},
			{"-1", 0, 99, false, true},
			{"x", 0, 99, false, true},
		} {
			a := w.want(http.StatusOK, request{path: path + "&from=" + c.from, header: http.Header{"Hx-Request": {"true"}}})
			rows := strings.Count(a.body, `<th scope="row">`)
			if rows != c.last-c.first+1 || !strings.Contains(a.body, fmt.Sprintf(">many %03d<", c.first)) || !strings.Contains(a.body, fmt.Sprintf(">many %03d<", c.last)) ||
				!strings.Contains(a.body, fmt.Sprintf(`data-from="%d" data-of="230" data-step="100"`, c.first)) ||
				strings.Contains(a.body, `rel="prev"`) != c.before || strings.Contains(a.body, `rel="next"`) != c.next {
				t.Errorf("%s from %s: %d rows: %.300s", path, c.from, rows, a.body)
			}
		}
	}
	w.has(w.get("/servers?search=many&from=100"), `href="/servers?search=many"`, `href="/servers?from=200&amp;search=many"`)
	w.has(w.get("/servers?search=nothing+like+it"), `data-of="0"`)
}

// What is known of servers is kept at hand, and what is written shows at once.
func TestServersAreKeptUntilSomethingIsWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.lacks(w.get("/servers"), "quite new")
	added, err := w.fleet.AddServer(t.Context(), fleet.NewServer{Name: "quite new", Company: 2, InstallationID: "n"})
	if err != nil {
		t.Fatal(err)
	}
	w.has(w.get("/servers"), "quite new", "Northwind")
	name := "Renamed"
	if _, err := w.fleet.EditCompany(t.Context(), 2, fleet.CompanyEdit{Name: &name}); err != nil {
		t.Fatal(err)
	}
	w.has(w.get("/servers"), "quite new", "Renamed")
	if err := w.fleet.RemoveServer(t.Context(), added.ID, w.clock.Now()); err != nil {
		t.Fatal(err)
	}
	w.lacks(w.get("/servers"), "quite new")
}

// Whatever is written, the list of servers that is kept says what one says that is looked up anew.
func TestKeptServersAreTheirLatest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const both = "/servers?sort=-last"
	receipt := must[ledger.Receipt](t)
	var taken, gap ledger.Receipt
	name, other, hours := "VBR One", usage.CompanyID(3), 7*time.Hour
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"nothing", func() error { return nil }},
		{"a reading", func() error {
			taken = receipt(w.ledger.AppendSnapshot(t.Context(), 1, false, reading(vbr01, "web", 1234, october.Add(-time.Minute))))
			return nil
		}},
		{"a gap", func() error {
			gap = receipt(w.ledger.AppendGap(t.Context(), 2, usage.Gap{At: october.Add(-time.Minute), Reason: usage.GapTimeout, Text: "it did not answer"}))
			return nil
		}},
		{"a reading that is taken back", func() error {
			_, err := w.ledger.Correct(t.Context(), ledger.Correction{Entry: taken.Position, Reason: "a test", Actor: "anna"})
			return err
		}},
		{"a gap that is taken back", func() error {
			_, err := w.ledger.Correct(t.Context(), ledger.Correction{Entry: gap.Position, Reason: "a test", Actor: "anna"})
			return err
		}},
		{"a name", func() error { _, err := w.fleet.EditServer(t.Context(), 1, fleet.ServerEdit{Name: &name}); return err }},
		{"a company", func() error {
			_, err := w.fleet.EditServer(t.Context(), 1, fleet.ServerEdit{Company: &other})
			return err
		}},
		{"an interval", func() error {
			_, err := w.fleet.EditServer(t.Context(), 2, fleet.ServerEdit{Interval: &hours})
			return err
		}},
		{"an alarm that ends", func() error {
			return w.store.Settle(t.Context(), 1, []alarm.TemplateID{alarm.ServerConnection}, nil, w.clock.Now())
		}},
		{"another reading", func() error {
			receipt(w.ledger.AppendSnapshot(t.Context(), 2, false, reading(vbr02, "db", 3, w.clock.Now())))
			return nil
		}},
		{"time", func() error { w.clock.Add(9 * time.Hour); return nil }},
		{"a server that goes", func() error { return w.fleet.RemoveServer(t.Context(), 2, w.clock.Now()) }},
	} {
		before := w.get(both).body
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		kept := w.get(both).body
		anew := must[*portal.Portal](t)(portal.New(w.portal.Options))
		frame := &api.Frame{Surfaces: []api.Surface{anew}, Check: w.access.Check, Log: slog.New(slog.DiscardHandler)}
		old := w.handler
		w.handler = must[http.Handler](t)(frame.Handler())
		if want := w.get(both).body; kept != want {
			t.Errorf("after %s what is kept says otherwise than what is there:\n%s\n%s", step.what, kept, want)
		}
		if w.handler = old; step.what != "nothing" && kept == before {
			t.Errorf("%s does not show", step.what)
		}
	}
}

// The head of a column says in which order the list is: by alarms, those with the most come first where one begins.
func TestServersByAlarms(t *testing.T) {
	t.Parallel()
	w := inNovember(t)
	first := regexp.MustCompile(`<tbody[^>]*><tr><th scope="row"><a href="[^"]*">([^<]*)</a>`)
	w.has(w.get("/servers"), `<th scope="col" class="n"><a href="/servers?sort=-alarms">`)
	for sort, want := range map[string][2]string{"alarms": {"ascending", "VBR10"}, "-alarms": {"descending", "VBR01"}} {
		a := w.get("/servers?sort=" + sort)
		w.has(a, `<th scope="col" class="n" aria-sort="`+want[0]+`">`)
		if found := first.FindStringSubmatch(a.body); len(found) != 2 || found[1] != want[1] {
			t.Errorf("%s: %q is first", sort, found)
		}
	}
}
