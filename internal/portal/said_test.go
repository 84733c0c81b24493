package portal_test

import (
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/audit"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
)

var (
	cells = regexp.MustCompile(`<tr><td><time.*?</tr>`)
	marks = regexp.MustCompile(`</?(td|tr|span|th|div)[^>]*>|<br>`)
)

// newest gives the newest rows of the trail, each as its reader sees it, with its links.
func (w *world) newest(count int) (rows []string) {
	w.t.Helper()
	for _, row := range cells.FindAllString(w.get("/audit").body, count) {
		_, row, _ = strings.Cut(row, "</time>")
		rows = append(rows, html.UnescapeString(strings.Join(strings.Fields(marks.ReplaceAllString(row, " ")), " ")))
	}
	return rows
}

// An entry of the trail names what it is about, with its page while there is one, and says what was changed in the portal's words.
func TestTrailInWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.Set(time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC))
	w.cookie(admin)
	ctx := audit.By(t.Context(), audit.Actor{Name: "jane", Via: "cli"})
	is := func(want ...string) {
		t.Helper()
		for i, row := range w.newest(len(want)) {
			if row != want[i] {
				t.Errorf("%s\nwant\n%s", row, want[i])
			}
		}
	}
	s := must[fleet.Server](t)(w.fleet.AddServer(ctx, fleet.NewServer{Name: "VBR09", Company: 2, InstallationID: "c0de0000-0000-4000-8000-000000000009", Interval: 4 * time.Hour}))
	is(`jane command line Server <a href="/servers/3">VBR09</a> added Name: VBR09 Product: Backup & Replication Company: Northwind Count by: the server's own counters Read it every: 4 hours <a href="/companies/2">Northwind</a>`)
	other, hour, from := s.Company+1, 90*time.Minute, time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	must[fleet.Server](t)(w.fleet.EditServer(ctx, s.ID, fleet.ServerEdit{Company: &other, Interval: &hour, Labels: fleet.Labels{Tags: map[string]string{"segment": "gold"}}}))
	is(`jane command line Server <a href="/servers/3">VBR09</a> changed Company: Northwind → ` + evil + ` Read it every: 4 hours → 90 minutes Tags (segment): gold <a href="/companies/3">` + evil + `</a>`)
	must[fleet.Server](t)(w.fleet.EditServer(ctx, s.ID, fleet.ServerEdit{Interval: &hour, From: from}))
	is(`jane command line Server <a href="/servers/3">VBR09</a> changed Read it every: 90 minutes, from 2026-10-01 00:00 <a href="/companies/3">` + evil + `</a>`)
	if err := w.fleet.RemoveServer(ctx, s.ID, w.clock.Now()); err != nil {
		t.Fatal(err)
	}
	is(`jane command line Server VBR09 (removed) removed <a href="/companies/3">` + evil + `</a>`)
	must[fleet.Company](t)(w.fleet.EditCompany(ctx, 3, fleet.CompanyEdit{Enabled: new(bool), Tenants: func([]fleet.Tenant) (add, remove []fleet.Tenant) { return []fleet.Tenant{{Name: "T; x"}}, nil }}))
	is(`jane command line Company <a href="/companies/3">` + evil + `</a> changed Enabled: yes → no has the tenant T; x from now on <a href="/companies/3">` + evil + `</a>`)

	w.send(http.StatusSeeOther, admin, "/alarms/1", "do", "acknowledge", "reason", `it is "known"; all`)
	is(`portal-administrator browser Alarm <a href="/alarms/1">Backup server connection state</a> acknowledged Backup server connection state of VBR01 Reason: it is "known"; all <a href="/companies/2">Northwind</a>`)
	if _, _, err := w.portal.Months.Draft(ctx, 2, usage.Month{Year: 2026, Month: time.October}, "joe"); err != nil {
		t.Fatal(err)
	}
	is(`jane command line Statement of <a href="/statements/2026-10/2">October 2026</a> drafted in the name of joe <a href="/companies/2">Northwind</a>`)
	w.send(http.StatusSeeOther, admin, "/settings", "zone", "Europe/Berlin", "licensees", "A\nB", "state", w.hiddenOf(w.get("/settings"), "/settings", "state"))
	is(`portal-administrator browser <a href="/settings">Settings</a> changed Time zone: Europe/Berlin Your names on licenses: A, B`)
}

// What the portal has no words for stands as it is kept, and is no HTML.
func TestTrailAsItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cookie(admin)
	for detail, want := range map[string]string{
		`colour "red" -> "blue"`: `colour "red" -> "blue"`,
		`name "a`:                `name "a`,
		`name "a\"; b" goes`:     `Name: a"; b, taken away`,
		`company "99999999999999999999999" -> "77"; interval "soon"`: `Company: 99999999999999999999999 → 77 (removed) Read it every: soon`,
		`company 77 only; expires never`:                             `for 77 (removed) alone works until never`,
		`server/9: colour "red" from 2026`:                           `server/9: colour "red" from 2026`,
		`<script>alert(1)</script>; `:                                `<script>alert(1)</script>`,
		`role "king"; scopes "read, fly"`:                            `Role: king What it may do: Read companies, servers, figures and alarms; fly`,
		`credential set "9"`:                                         `Account: 9`,
		`; ;; "`:                                                     `; "`,
		`authority "%s %d"`:                                          `Count by: %s %d`,
		``:                                                           ``,
	} {
		note := audit.Note(audit.By(t.Context(), audit.Actor{Name: "jane", Via: "fax"}), "painted", detail)
		if err := w.store.UpdateUser(note, w.users[admin], access.UserChange{}, false); err != nil {
			t.Fatal(err)
		}
		want = strings.TrimSpace(`jane fax User <a href="/users/1">portal-administrator</a> painted ` + want)
		if row := w.newest(1)[0]; row != want {
			t.Errorf("%s\nwant\n%s", row, want)
		}
		w.lacks(w.get("/audit"), "<script>alert")
	}
}
