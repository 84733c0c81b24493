package portal_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/plan"
	"github.com/tallystick/tallystick/internal/portal"
	"github.com/tallystick/tallystick/internal/statement"
	"github.com/tallystick/tallystick/internal/store/sqlite"
	"github.com/tallystick/tallystick/internal/testkit"
)

// world is the portal on a real store: Northwind (2) and a company (3) whose name is no HTML, with a server and an alarm each, and a user of each
// role, all of company 3 where the role is a company's.
type world struct {
	t       testing.TB
	clock   *testkit.Clock
	store   *sqlite.Store
	fleet   *fleet.Directory
	ledger  *ledger.Ledger
	access  *access.Service
	portal  *portal.Portal
	board   *figure.Board
	handler http.Handler
	slow    chan struct{} // where there is one, readings wait for it
	keyless bool          // there is no key to seal with any more
	probed  []string      // where it was logged in for a test, and as whom
	cookies map[access.Role]string
	users   map[access.Role]access.UserID
}

const (
	password = "correct horse battery"
	evil     = `<b>Evil & "Söhne"</b> 50%!s`
	vbr01    = "c0de0000-0000-4000-8000-000000000001"
	vbr02    = "c0de0000-0000-4000-8000-000000000002"
)

var october = time.Date(2026, 10, 20, 2, 0, 0, 0, time.UTC)

func must[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, clock: testkit.At(october), cookies: map[access.Role]string{}, users: map[access.Role]access.UserID{}}
	w.store = must[*sqlite.Store](t)(sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "t.db"), sqlite.Now(w.clock.Now)))
	t.Cleanup(func() {
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
	})
	var uids atomic.Int64
	w.fleet = &fleet.Directory{
		Companies: w.store, Servers: w.store, Policy: w.store, Now: w.clock.Now, Credentials: w.store,
		NewUID:  func() string { return fmt.Sprintf("5b0f0000-0000-4000-8000-%012d", uids.Add(1)) },
		SealSet: func(_ fleet.CredentialID, password string) ([]byte, error) { return []byte("sealed:" + password), nil },
		Seal:    func(_ usage.ServerID, password string) ([]byte, error) { return []byte("sealed:" + password), nil },
	}
	catalogs := &fleet.Catalogs{Policy: w.store, Now: w.clock.Now}
	w.ledger = &ledger.Ledger{Store: w.store, History: w.store, Catalogs: catalogs, Now: w.clock.Now}
	w.access = &access.Service{Users: w.store, Sessions: w.store, APITokens: w.store, Factors: w.store, Sealer: w, Now: w.clock.Now}
	w.board = &figure.Board{Ledger: w.ledger, Companies: w.store, Calendar: w.fleet.Calendar, Now: w.clock.Now}
	w.portal = must[*portal.Portal](t)(portal.New(portal.Options{
		Access: w.access, Companies: w.store, Servers: w.store, Directory: w.fleet, Ledger: w.ledger,
		Figures: &figure.Service{Ledger: w.ledger, Companies: w.store, Calendar: w.fleet.Calendar, Now: w.clock.Now},
		Board:   w.board,
		Months:  &statement.Service{Counter: statement.Counter{Ledger: w.ledger, Policy: w.store}, Companies: w.store, Servers: w.store, Store: w.store, Plans: &plan.Service{Records: w.store, Directory: w.fleet, Now: w.clock.Now}, Now: w.clock.Now},
		Kept:    w.store, Alarms: &alarm.Service{Store: w.store, Answers: w.store, Ledger: w.ledger, Servers: w.store, Companies: w.store, Now: w.clock.Now},
		Events: w.store, Answers: w.store, Users: w.store, Tokens: w.store, Catalogs: catalogs, Trail: w.store, Feed: w.store, History: w.store, Console: &running{world: w}, Readings: api.NewReadings(), Now: w.clock.Now,
	}))
	if err := catalogs.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	frame := &api.Frame{Surfaces: []api.Surface{w.portal}, Check: w.access.Check, Log: slog.New(slog.DiscardHandler)}
	w.handler = must[http.Handler](t)(frame.Handler())
	w.populate()
	return w
}

// What a world seals is to be read, but says what for.
func (w *world) Seal(of access.Owner, text string) ([]byte, error) {
	if w.keyless {
		return nil, fault.New(fault.NotFound, "the key file /var/lib/secret.key is missing")
	}
	return fmt.Appendf(nil, "factor %d: %s", of.Factor, text), nil
}

func (w *world) Unseal(of access.Owner, sealed []byte) (string, error) {
	if w.keyless {
		return "", fault.New(fault.NotFound, "the key file /var/lib/secret.key is missing")
	}
	text, is := strings.CutPrefix(string(sealed), fmt.Sprintf("factor %d: ", of.Factor))
	if !is {
		return "", fault.New(fault.Invalid, "it is sealed for something else")
	}
	return text, nil
}

// work has done what takes longer than a browser waits, until the test ends.
func (w *world) work() {
	over := make(chan struct{})
	w.t.Cleanup(func() { <-over }) // before the store is closed: the test's context has ended by then
	go func() {
		defer close(over)
		w.portal.Work(w.t.Context(), slog.New(slog.DiscardHandler))
	}()
}

func (w *world) populate() {
	t, ctx := w.t, w.t.Context()
	t.Helper()
	company, server, receipt := must[fleet.Company](t), must[fleet.Server](t), must[ledger.Receipt](t)
	northwind := company(w.fleet.AddCompany(ctx, fleet.NewCompany{Name: "Northwind"}))
	other := company(w.fleet.AddCompany(ctx, fleet.NewCompany{Name: evil}))
	first := server(w.fleet.AddServer(ctx, fleet.NewServer{Name: "VBR01", Company: northwind.ID, InstallationID: vbr01}))
	second := server(w.fleet.AddServer(ctx, fleet.NewServer{Name: "VBR02", Company: other.ID, InstallationID: vbr02}))
	receipt(w.ledger.AppendSnapshot(ctx, first.ID, false, reading(vbr01, "web", 1234, october.Add(-time.Hour))))
	for i, what := range []string{"VBR01 does not answer", "<b>Evil</b> does not answer"} {
		id := usage.ServerID(i + 1)
		holds := []alarm.Condition{{Template: alarm.ServerConnection, Status: alarm.StatusError, Message: what}}
		if err := w.store.Settle(ctx, id, []alarm.TemplateID{alarm.ServerConnection}, holds, october.Add(-time.Duration(id)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	receipt(w.ledger.AppendSnapshot(ctx, second.ID, false, reading(vbr02, "<i>db", 3, october.Add(-2*time.Hour))))
}

// cookie signs a user of a role in, the first time that it is asked for: hashes of passwords take their time.
func (w *world) cookie(role access.Role) string {
	w.t.Helper()
	if token := w.cookies[role]; token != "" {
		return token
	}
	n := access.NewUser{Name: string(role), Role: role, Password: password}
	if role.OfCompany() {
		n.Company = 3
	}
	w.users[role] = must[access.User](w.t)(w.access.AddUser(w.t.Context(), n)).ID
	entry := must[access.Entry](w.t)(w.access.SignIn(w.t.Context(), access.Client{Address: "127.0.0.1"}, access.Credentials{Name: n.Name, Password: password}))
	w.cookies[role] = entry.Pair.Access
	return entry.Pair.Access
}

func reading(installation, prefix string, count int, at time.Time) usage.Snapshot {
	old := time.Date(2026, 8, 3, 20, 0, 0, 0, time.UTC)
	s := usage.Snapshot{
		TakenAt: at, Product: usage.ProductVBR, Server: usage.ServerFacts{InstallationID: installation, Name: "VBR", Version: "12.3.1.1139"}, ListsNew: true,
		License: usage.License{Type: usage.LicenseRental, Edition: "EnterprisePlus", Unit: usage.Instances, Status: "Valid"},
	}
	for i := range count {
		s.Workloads = append(s.Workloads, usage.Workload{ID: fmt.Sprintf("%s%04d", prefix, i), Name: fmt.Sprintf("%s%04d", prefix, i), Type: "VBR_vSphere_VM", FirstProtectedAt: &old})
	}
	return s
}

// request is what a browser asks; the cookie is of a role unless it is given, and "-" is none.
type request struct {
	method, path string
	form         url.Values
	role         access.Role
	cookie       string
	header       http.Header
	from         string // address and port; empty: any
}

type answered struct {
	status int
	header http.Header
	body   string
}

func (w *world) do(q request) answered {
	w.t.Helper()
	method := q.method
	if method == "" {
		method = http.MethodGet
	}
	r := httptest.NewRequestWithContext(w.t.Context(), method, "https://console.example:1281"+q.path, strings.NewReader(q.form.Encode()))
	r.Header.Set("Accept", "text/html,*/*;q=0.8")
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if q.role == "" {
		q.role = access.PortalAdministrator
	}
	if q.cookie == "" {
		q.cookie = w.cookie(q.role)
	}
	if q.cookie != "-" {
		r.AddCookie(&http.Cookie{Name: "__Host-tallystick", Value: q.cookie}) //nolint:gosec // what browsers send has no attributes
	}
	for name, values := range q.header {
		r.Header[name] = values
	}
	if q.from != "" {
		r.RemoteAddr = q.from
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	answer := recorder.Result()
	defer answer.Body.Close()
	text := must[[]byte](w.t)(io.ReadAll(answer.Body))
	return answered{answer.StatusCode, answer.Header, string(text)}
}

// get wants a page.
func (w *world) get(path string) answered {
	w.t.Helper()
	return w.want(http.StatusOK, request{path: path})
}

func (w *world) want(status int, q request) answered {
	w.t.Helper()
	a := w.do(q)
	if a.status != status {
		w.t.Fatalf("%s %s: %d, want %d: %s", q.method, q.path, a.status, status, a.body)
	}
	return a
}

// has wants all texts in an answer.
func (w *world) has(a answered, texts ...string) {
	w.t.Helper()
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			w.t.Errorf("%q is not in %s", text, a.body)
		}
	}
}

// running stands for the running program, which no package below app can be: what it reads comes out of the world.
type running struct{ *world }

func (r *running) Test(_ context.Context, s fleet.Server) (api.Finding, error) {
	c, shown := s.Connection, strings.Repeat("ab", 32)
	if c.TLS.Fingerprint != shown {
		return api.Finding{Failed: &api.Failure{Reason: usage.GapTLS, Text: "nobody vouches for it"}, Fingerprint: shown}, nil
	}
	r.probed = append(r.probed, c.URL+" "+c.Username+" "+string(c.Sealed))
	if string(c.Sealed) == "sealed:wrong" {
		return api.Finding{Failed: &api.Failure{Reason: usage.GapRefused, Text: "it refuses the account"}}, nil
	}
	return api.Finding{
		Product: "Veeam Backup & Replication", Version: "12.3.1", ServerName: "VBR", InstallationID: vbr01, Fingerprint: shown,
		License: usage.License{Type: usage.LicenseRental, Edition: "EnterprisePlus", Status: "Valid", LicensedTo: "Northwind"}, Hints: []string{"nothing consumes it"},
	}, nil
}

func (r *running) TestSet(_ context.Context, s fleet.Server, _ fleet.CredentialID, _ fleet.CredentialEdit) error {
	return fault.New(fault.Conflict, "%s cannot be logged in to with this account, and nothing is changed", s.Name)
}

func (r *running) Collect(ctx context.Context, ids []usage.ServerID, each func(api.Reading)) error {
	if r.slow != nil {
		<-r.slow
	}
	for _, id := range ids {
		gap := usage.Gap{At: r.clock.Now(), Reason: usage.GapUnreachable, Text: "no route to 192.0.2.7"}
		if _, err := r.ledger.AppendGap(ctx, id, gap); err != nil {
			return err
		}
		each(api.Reading{Server: id, Name: "VBR01", Text: "unreachable", Gap: &gap})
	}
	return nil
}

func (r *running) Schedule(ctx context.Context, ids ...usage.ServerID) ([]api.Scheduled, error) {
	servers, err := r.store.Servers(ctx)
	var list []api.Scheduled
	for i := range servers {
		if len(ids) > 0 && !slices.Contains(ids, servers[i].ID) {
			continue
		}
		list = append(list, api.Scheduled{Server: servers[i].ID, Name: servers[i].Name, Interval: servers[i].Interval, Next: r.clock.Now()})
	}
	return list, err
}

func (r *running) RemovalFrom(context.Context, usage.ServerID) (time.Time, error) {
	return time.Time{}, nil
}

func (r *running) Report(_ context.Context, company usage.CompanyID, month usage.Month, number int, form string) (api.File, error) {
	return api.File{Name: "report." + form, MediaType: "application/octet-stream", Data: []byte(fmt.Sprint(company, month, number))}, nil
}

func (r *running) SigningKeys(context.Context) ([]api.SigningKey, error) {
	return []api.SigningKey{{Fingerprint: strings.Repeat("5b", 32), Signs: true}, {Fingerprint: strings.Repeat("0a", 32)}}, nil
}

func (r *running) Bundle(_ context.Context, company usage.CompanyID, month usage.Month, number int) (api.File, error) {
	return api.File{Name: "bundle.zip", MediaType: "application/zip", Data: []byte(fmt.Sprint(company, month, number))}, nil
}
