package portal_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tallystick/tallystick/internal/fleet"
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
