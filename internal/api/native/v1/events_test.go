package v1_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/feed"
	"github.com/tallystick/tallystick/internal/figure"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
)

// event is one that arrived.
type event struct {
	ID, Type string
	Data     eventData
}

type eventData struct {
	Type                                                 string
	At                                                   time.Time
	Entry, Company, Server, Revokes, Alarm, Number       int64
	Resource, Reason, Text, Status, Month, State, Detail string
}

// stream is one that is open.
type stream struct {
	t      testing.TB
	status int
	body   *bufio.Reader
	hello  string // the id that it began with
	close  func()
}

// follow opens a stream over TCP, behind an event or, without one, now.
func (w *world) follow(url string, role access.Role, last string) *stream {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	r := must[*http.Request](w.t)(http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v1/events", http.NoBody))
	r.Header.Set("Authorization", "Bearer "+w.tokens[role])
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	answer, err := (&http.Client{Timeout: time.Minute}).Do(r) //nolint:bodyclose // the stream's close does
	if err != nil {
		w.t.Fatal(err)
	}
	s := &stream{t: w.t, status: answer.StatusCode, body: bufio.NewReader(answer.Body), close: func() { cancel(); _ = answer.Body.Close() }}
	w.t.Cleanup(s.close)
	return s
}

// next gives the next event; false: the stream ended before.
func (s *stream) next() (e event, ok bool) {
	s.t.Helper()
	for {
		line, err := s.body.ReadString('\n')
		if err != nil {
			return e, false
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			e.ID = value
		case "event":
			e.Type = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e.Data); err != nil || e.Data.Type != e.Type {
				s.t.Fatalf("%q, %v", line, err)
			}
		case "":
			if s.hello == "" {
				s.hello = e.ID
			}
			if e.Type != "" {
				return e, true
			}
			e = event{}
		}
	}
}

// until gives all events up to one that satisfies.
func (s *stream) until(last func(event) bool) (all []event) {
	s.t.Helper()
	for {
		e, ok := s.next()
		if !ok {
			s.t.Fatalf("it ended behind %d events", len(all))
		}
		all = append(all, e)
		if last(e) {
			return all
		}
	}
}

// random does things that events tell of.
type random struct {
	*world
	*rand.Rand

	servers []usage.ServerID
	entries []usage.Position
	step    int
}

func (w *world) random(seed uint64) *random {
	w.t.Helper()
	for _, role := range access.Roles() { // log-ins end within the hour
		u := must[access.User](w.t)(w.store.UserByName(w.t.Context(), string(role)))
		_, secret, err := w.access.AddToken(w.t.Context(), access.NewToken{Name: "n", User: u.ID, Scopes: []access.Action{access.Read}, ExpiresAt: w.clock.Now().AddDate(1, 0, 0)})
		if err != nil {
			w.t.Fatal(err)
		}
		w.tokens[role] = secret
	}
	w.clock.Set(october.Add(30 * 24 * time.Hour)) // October is over
	servers := must[[]fleet.Server](w.t)(w.store.Servers(w.t.Context()))
	r := &random{world: w, Rand: rand.New(rand.NewPCG(seed, 0))}
	for i := range servers {
		r.servers = append(r.servers, servers[i].ID)
	}
	return r
}

func (r *random) check(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// one does one thing.
func (r *random) one() {
	r.t.Helper()
	ctx := r.t.Context()
	r.step++
	r.clock.Set(r.clock.Now().Add(time.Hour))
	now := r.clock.Now()
	server := r.servers[r.IntN(len(r.servers))]
	switch r.IntN(12) {
	case 0, 1, 2, 3:
		shared := server == r.servers[2]
		s := vbrReading(fmt.Sprintf("c0de0000-0000-4000-8000-%012d", server), "w", r.IntN(4), now.Add(-time.Duration(r.IntN(3))*time.Minute))
		if shared {
			s = ccReading(now)
			s.Workloads = s.Workloads[:r.IntN(len(s.Workloads)+1)]
		}
		receipt, err := r.ledger.AppendSnapshot(ctx, server, shared, s)
		r.check(err)
		r.entries = append(r.entries, receipt.Position)
	case 4, 5:
		receipt, err := r.ledger.AppendGap(ctx, server, usage.Gap{At: now, Reason: usage.GapTLS, Text: fmt.Sprint("gap ", r.step)})
		r.check(err)
		r.entries = append(r.entries, receipt.Position)
	case 6:
		if n := len(r.entries); n > 0 {
			i := r.IntN(n)
			_, err := r.ledger.Correct(ctx, ledger.Correction{Entry: r.entries[i], Reason: "r", Actor: "a"})
			r.check(err)
			r.entries = slices.Delete(r.entries, i, i+1)
		}
	case 7:
		zones := []string{"UTC", "Europe/Berlin"}
		r.check(r.fleet.SetZone(ctx, zones[r.IntN(2)]))
	case 8:
		tenant := []fleet.Tenant{{Name: []string{"contoso-cc", "nobody-cc"}[r.IntN(2)]}}
		edit := fleet.CompanyEdit{AddTenants: tenant}
		if r.IntN(2) == 0 {
			edit = fleet.CompanyEdit{RemoveTenants: tenant}
		}
		_, err := r.fleet.EditCompany(ctx, 3, edit)
		if fault.Is(err, fault.Invalid) || fault.Is(err, fault.NotFound) { // it has none of that name
			err = nil
		}
		r.check(err)
	case 9, 10:
		var holds []alarm.Condition
		if r.IntN(2) == 0 {
			holds = []alarm.Condition{{Template: alarm.ServerConnection, Status: alarm.StatusError, Message: fmt.Sprint(r.step), Follow: true}}
		}
		r.check(r.store.Settle(ctx, server, []alarm.TemplateID{alarm.ServerConnection}, holds, now))
	case 11:
		company, month := usage.CompanyID(2+r.IntN(2)), usage.Month{Year: 2026, Month: time.October}
		if _, _, err := r.months.Draft(ctx, company, month, "jane"); err == nil && r.IntN(2) == 0 {
			_, err = r.months.Approve(ctx, company, month, "jane", map[string]string{"*": "r"}, false)
			r.check(err)
			_, err = r.months.Finalise(ctx, company, month, "jane")
			r.check(err)
		}
	}
	r.surface.Wake()
}

// end does what is told last, of the ledger and beside it, to everybody who may read of company 3; ended reports whether both came.
func (r *random) end() (ended func() func(event) bool) {
	r.t.Helper()
	r.clock.Set(r.clock.Now().Add(time.Hour))
	r.check(r.store.Settle(r.t.Context(), r.servers[1], []alarm.TemplateID{alarm.StaleFigures}, []alarm.Condition{{Template: alarm.StaleFigures, Status: alarm.StatusInformation}}, r.clock.Now()))
	receipt, err := r.ledger.AppendGap(r.t.Context(), r.servers[1], usage.Gap{At: r.clock.Now(), Reason: usage.GapTLS, Text: "the end"})
	r.check(err)
	r.surface.Wake()
	return func() func(event) bool {
		var entry, change bool
		return func(e event) bool {
			entry = entry || e.Data.Entry == int64(receipt.Position)
			change = change || e.Data.Status == string(alarm.StatusInformation)
			return entry && change
		}
	}
}

// parts tells the two sequences apart: each has an order of its own. Of an event from another stream the id may be another one.
func parts(all []event) (of [2][]eventData) {
	for _, e := range all {
		i := 0
		if e.Data.Entry == 0 {
			i = 1
		}
		of[i] = append(of[i], e.Data)
	}
	return of
}

func wantSame(t testing.TB, what string, want, got []event) {
	t.Helper()
	if d := cmp.Diff(parts(want), parts(got)); d != "" {
		t.Errorf("%s: want (-), got (+)\n%s", what, d)
	}
}

// Wherever a stream is cut off, the next one tells the rest: each event once, in its order. What is told is what changed, and a company
// is told what is its own.
func TestEventsGoOn(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			server := httptest.NewServer(w.handler)
			t.Cleanup(server.Close)
			r := w.random(seed)
			roles := []access.Role{access.PortalReadonly, access.CompanyReadonly}
			begun := map[access.Role]*stream{}
			whole := map[access.Role][]event{}
			var wg sync.WaitGroup
			first := must[ledger.Head](t)(w.store.Head(t.Context())).Position
			for _, role := range roles {
				begun[role] = w.follow(server.URL, role, "")
			}
			for range 45 {
				r.one()
			}
			ended := r.end()
			for _, role := range roles {
				whole[role] = begun[role].until(ended())
			}
			all := whole[access.PortalReadonly]
			r.wantTold(first, all)
			theirs := slices.DeleteFunc(slices.Clone(all), func(e event) bool {
				return e.Type != "figures" && e.Data.Company != 3 || e.Type == "statement" && e.Data.State != "final"
			})
			for i := range theirs {
				theirs[i].Data.Text = "" // the words of gaps are the provider's
			}
			wantSame(t, "of the company", theirs, whole[access.CompanyReadonly])
			for _, role := range roles {
				all := whole[role]
				for i := -1; i < len(all)-1; i++ {
					last := begun[role].hello
					if i >= 0 {
						last = all[i].ID
					}
					wg.Go(func() {
						s := w.follow(server.URL, role, last)
						defer s.close()
						rest := s.until(r.rest(all[i+1:]))
						wantSame(t, fmt.Sprint(role, " behind ", last), all[i+1:], rest)
					})
					if i%5 == 0 {
						wg.Wait()
					}
				}
				wg.Wait()
				r.cutOff(server.URL, role, begun[role].hello, all, ended)
			}
		})
	}
}

// rest ends behind the last of the ledger and the last beside it that are to come.
func (r *random) rest(of []event) func(event) bool {
	want := parts(of)
	var got [2]int
	return func(e event) bool {
		i := 0
		if e.Data.Entry == 0 {
			i = 1
		}
		got[i]++
		return got[0] >= len(want[0]) && got[1] >= len(want[1])
	}
}

// cutOff reads with many cuts, after any number of events.
func (r *random) cutOff(url string, role access.Role, last string, want []event, ended func() func(event) bool) {
	r.t.Helper()
	var got []event
	for over := ended(); ; {
		s, more := r.follow(url, role, last), 1+r.IntN(7)
		for range more {
			e, ok := s.next()
			if !ok {
				r.t.Fatal("it ended by itself")
			}
			got, last = append(got, e), e.ID
			if over(e) {
				s.close()
				wantSame(r.t, fmt.Sprint(role, " with cuts"), want, got)
				return
			}
		}
		s.close()
	}
}

// wantTold holds what was told against what the ledger answers, and against what is kept of changes.
func (r *random) wantTold(after usage.Position, all []event) {
	r.t.Helper()
	ctx := r.t.Context()
	r.clock.Set(r.clock.Now().Add(time.Hour)) // a cutoff lies in the past
	var want []string
	for _, e := range must[[]ledger.Logged](r.t)(r.store.Logged(ctx, after, 1<<20)) {
		if e.Kind != ledger.KindFact {
			want = append(want, fmt.Sprint(map[ledger.Kind]string{"snapshot": "reading"}[e.Kind], e.Position))
			if e.Kind != ledger.KindSnapshot {
				want[len(want)-1] = fmt.Sprint(e.Kind, e.Position)
			}
		}
		if e.AnyCompany {
			want = append(want, fmt.Sprint("figures", e.Position))
			continue
		}
		for company := usage.CompanyID(1); company <= 3; company++ {
			for _, resource := range figure.Resources() {
				product := must[usage.Product](r.t)(resource.Product())
				q := ledger.Query{Company: company, Product: product, At: e.RecordedAt, RecordedBefore: e.RecordedAt}
				before, err := r.ledger.Usage(ctx, q)
				r.check(err)
				q.RecordedBefore = e.RecordedAt.Add(time.Microsecond)
				with, err := r.ledger.Usage(ctx, q)
				r.check(err)
				if !slices.Equal(before.Rows, with.Rows) {
					want = append(want, fmt.Sprint("figure", e.Position, company, resource))
				}
			}
		}
	}
	var got []string
	changes := 0
	for _, e := range all {
		switch d := e.Data; {
		case d.Entry == 0:
			changes++
		case e.Type == "figure":
			got = append(got, fmt.Sprint(e.Type, d.Entry, d.Company, d.Resource))
		default:
			got = append(got, fmt.Sprint(e.Type, d.Entry))
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		r.t.Errorf("want (-), got (+)\n%s", d)
	}
	for _, kind := range []string{"reading0", "figure", "gap", "figures"} {
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, strings.TrimSuffix(kind, "0")) }) {
			r.t.Errorf("there is no %s among %d events", kind, len(got))
		}
	}
	kept := must[[]feed.Change](r.t)(r.store.ChangesAfter(ctx, 0, 1<<20))
	before := slices.IndexFunc(kept, func(c feed.Change) bool { return c.At.After(october.Add(48 * time.Hour)) })
	if changes != len(kept)-before {
		r.t.Errorf("%d changes are told, and %d kept", changes, len(kept)-before)
	}
}

// A stream that cannot go on says so, and goes on from now.
func TestEventsThatAreNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	r := w.random(1)
	reset := func(last, why string) {
		t.Helper()
		s := w.follow(server.URL, access.PortalReadonly, last)
		defer s.close()
		e, ok := s.next()
		if !ok || e.Type != "reset" || !strings.Contains(e.Data.Detail, why) {
			t.Fatalf("%+v", e)
		}
		ended := r.end()()
		for {
			e, _ := s.next()
			if e.Type == "reset" || e.Data.Text != "the end" {
				t.Errorf("%+v", e)
			}
			if ended(e) || e.Data.Entry > 0 { // the alarm stands already from the second time on
				return
			}
		}
	}
	s := w.follow(server.URL, access.PortalReadonly, "")
	r.end()
	begun := s.until(func(e event) bool { return e.Type == "alarm" })
	last := begun[len(begun)-1].ID
	s.close()
	head := must[ledger.Head](t)(w.store.Head(t.Context())).Position
	ends := must[feed.Ends](t)(w.store.ChangeEnds(t.Context()))
	reset(fmt.Sprintf("%d.%d", head+1, ends.Last), "future")
	head = must[ledger.Head](t)(w.store.Head(t.Context())).Position
	reset(fmt.Sprintf("%d.%d", head, ends.Last+1), "future")
	head++
	reset(fmt.Sprintf("%d.%d.1", head, ends.Last), "future")
	w.clock.Set(w.clock.Now().Add(feed.Kept - 3*time.Hour))
	rest := w.follow(server.URL, access.PortalReadonly, last)
	if e, ok := rest.next(); !ok || e.Type != "gap" {
		t.Errorf("within 31 days: %+v", e)
	}
	rest.close()
	w.clock.Set(w.clock.Now().Add(3 * time.Hour))
	reset(last, "older") // entries
	if gone := must[int](t)(w.store.ForgetChanges(t.Context(), w.clock.Now())); gone == 0 {
		t.Fatal("nothing was forgotten")
	}
	head = must[ledger.Head](t)(w.store.Head(t.Context())).Position
	reset(fmt.Sprintf("%d.%d", head, ends.Last-2), "older") // changes
	for _, id := range []string{"x", "1", "1.", ".1", "1.2.3.4", "1.2.0", "01.2", "-1.2", "1.-2", "+1.2", "1.2.x", "99999999999999999999.1", strings.Repeat("1", 1000)} {
		a := w.want(http.StatusBadRequest, request{method: http.MethodGet, path: "/events?lastEventId=" + url.QueryEscape(id)})
		if !strings.Contains(a.body, `"path":"lastEventId"`) {
			t.Error(a.body)
		}
	}
	w.want(http.StatusBadRequest, request{method: http.MethodGet, path: "/events", header: http.Header{"Last-Event-Id": {"1.2.x"}}})
	w.want(http.StatusOK, request{method: http.MethodHead, path: "/events"})
}

// A reading that concerns very many companies says so in one event, to those whom it concerns.
func TestEventsOfAReadingForVeryMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	read := func(day int) []string {
		t.Helper()
		w.clock.Set(w.clock.Now().Add(time.Minute))
		streams := []*stream{w.follow(server.URL, access.PortalReadonly, ""), w.follow(server.URL, access.CompanyReadonly, "")}
		reading := ccReading(w.clock.Now())
		reading.Workloads = reading.Workloads[day:]
		must[ledger.Receipt](t)(w.ledger.AppendSnapshot(t.Context(), 3, true, reading))
		must[ledger.Receipt](t)(w.ledger.AppendGap(t.Context(), 2, usage.Gap{At: w.clock.Now(), Reason: usage.GapTLS}))
		w.surface.Wake()
		var got []string
		for i, s := range streams {
			for _, e := range s.until(func(e event) bool { return e.Type == "gap" }) {
				got = append(got, fmt.Sprint(i, e.Type, e.Data.Company))
			}
			s.close()
		}
		return got
	}
	few := read(1)
	for i := range 50 {
		must[fleet.Company](t)(w.fleet.AddCompany(t.Context(), fleet.NewCompany{Name: fmt.Sprint("c", i), Tenants: []fleet.Tenant{{Name: fmt.Sprint("t", i)}}}))
	}
	if d := cmp.Diff([]string{"0reading0", "0figure3", "0gap3", "1figure3", "1gap3"}, few); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"0reading0", "0figures0", "0gap3", "1figures0", "1gap3"}, read(2)); d != "" {
		t.Error(d)
	}
}

// A token for one server follows nothing, and a company's none but its own events (TestEventsGoOn).
func TestEventsAreForWhoMayRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	users := must[access.User](t)(w.store.UserByName(t.Context(), string(access.PortalAdministrator)))
	for name, n := range map[string]access.NewToken{
		"of a server":     {Scopes: []access.Action{access.PushReadings}, Server: 1},
		"without reading": {Scopes: []access.Action{access.PushReadings}},
	} {
		n.Name, n.User, n.ExpiresAt = name, users.ID, w.clock.Now().AddDate(0, 1, 0)
		_, secret, err := w.access.AddToken(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		w.want(http.StatusForbidden, request{method: http.MethodGet, path: "/events", token: secret})
	}
	w.want(http.StatusUnauthorized, request{method: http.MethodGet, path: "/events", token: "x"})
}

// A user may have ten streams open; one that is closed makes room.
func TestStreamsAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	open := []*stream{}
	for range 10 {
		s := w.follow(server.URL, access.PortalReadonly, "")
		if s.status != http.StatusOK {
			t.Fatalf("%d", s.status)
		}
		open = append(open, s)
	}
	a := w.want(http.StatusTooManyRequests, request{method: http.MethodGet, path: "/events", role: access.PortalReadonly})
	if a.header.Get("Retry-After") != "15" {
		t.Errorf("%v", a.header)
	}
	other := w.follow(server.URL, access.PortalOperator, "")
	if other.status != http.StatusOK {
		t.Errorf("another user: %d", other.status)
	}
	open[3].close()
	for range 1000 {
		s := w.follow(server.URL, access.PortalReadonly, "")
		s.close()
		if s.status == http.StatusOK {
			return
		}
		<-time.After(10 * time.Millisecond) // the server hears of it over TCP
	}
	t.Error("the closed one makes no room")
}

// A client that does not read holds nobody else, and what it reads late is whole.
func TestASlowClientHoldsNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	r := w.random(7)
	quick := w.follow(server.URL, access.PortalReadonly, "0.0")
	reader, writer := io.Pipe()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/events?lastEventId=0.0", http.NoBody)
	request.Header.Set("Authorization", "Bearer "+w.tokens[access.PortalReadonly])
	var wg sync.WaitGroup
	wg.Go(func() { w.handler.ServeHTTP(pipe{http.Header{}, writer}, request) })
	slow := &stream{t: t, body: bufio.NewReaderSize(reader, 16)}
	if e, ok := slow.next(); !ok || e.Data.Entry == 0 {
		t.Fatalf("%+v", e)
	} // and from here on it reads nothing
	for i := range 600 { // more than is read at a time
		must[ledger.Receipt](t)(w.ledger.AppendGap(t.Context(), 1, usage.Gap{At: w.clock.Now().Add(-time.Duration(i) * time.Second), Reason: usage.GapTLS}))
	}
	ended := r.end()
	want := quick.until(ended())
	if len(want) < 600 {
		t.Errorf("%d events", len(want))
	}
	wantSame(t, "read late", want[1:], slow.until(ended()))
	w.surface.EndStreams()
	wg.Wait()
}

// pipe is a client that reads at once.
type pipe struct {
	header http.Header
	*io.PipeWriter
}

func (p pipe) Header() http.Header { return p.header }
func (pipe) WriteHeader(int)       {}
func (pipe) Flush()                {}

// A stream says every 15 seconds that it is there, and ends within those when its caller may not have it any more.
func TestStreamsEndWithTheirCallers(t *testing.T) {
	t.Parallel()
	must[*contract](t)(document())
	for name, end := range map[string]func(*world, access.UserID, access.TokenID) error{
		"disabled": func(w *world, u access.UserID, _ access.TokenID) error {
			return w.access.SetEnabled(w.t.Context(), u, false)
		},
		"revoked": func(w *world, _ access.UserID, k access.TokenID) error { return w.access.RevokeToken(w.t.Context(), k) },
		"expired": func(w *world, _ access.UserID, _ access.TokenID) error {
			w.clock.Set(w.clock.Now().AddDate(1, 0, 0))
			return nil
		},
		"another role": func(w *world, u access.UserID, _ access.TokenID) error {
			role := access.PortalReadonly
			return w.store.UpdateUser(w.t.Context(), u, access.UserChange{Role: &role}, false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				user := must[access.User](t)(w.store.UserByName(t.Context(), string(access.PortalOperator)))
				token, secret, err := w.access.AddToken(t.Context(), access.NewToken{Name: "n", User: user.ID, Scopes: []access.Action{access.Read}, ExpiresAt: w.clock.Now().AddDate(0, 1, 0)})
				if err != nil {
					t.Fatal(err)
				}
				reader, writer := io.Pipe()
				request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/events", http.NoBody)
				request.Header.Set("Authorization", "Bearer "+secret)
				var wg sync.WaitGroup
				wg.Go(func() {
					w.handler.ServeHTTP(pipe{http.Header{}, writer}, request)
					_ = writer.Close()
				})
				begin, lines := time.Now(), bufio.NewScanner(reader)
				pings := 0
				for lines.Scan() {
					if lines.Text() != ": ping" {
						continue
					}
					if pings++; time.Since(begin) != time.Duration(pings)*15*time.Second {
						t.Errorf("ping %d after %s", pings, time.Since(begin))
					}
					if pings == 3 {
						if err := end(w, user.ID, token.ID); err != nil {
							t.Fatal(err)
						}
						w.clock.Set(w.clock.Now().Add(16 * time.Second)) // nobody watches the store here: what is kept of callers is believed so long
					}
				}
				if pings != 3 || time.Since(begin) != time.Minute {
					t.Errorf("%d pings, and it ended after %s", pings, time.Since(begin))
				}
				wg.Wait()
			})
		})
	}
}

// What comes after a caller lost its rights is not told any more, though nobody pinged.
func TestNothingIsToldToWhoIsDisabled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	s := w.follow(server.URL, access.PortalReadonly, "")
	user := must[access.User](t)(w.store.UserByName(t.Context(), string(access.PortalReadonly)))
	if err := w.access.SetEnabled(t.Context(), user.ID, false); err != nil {
		t.Fatal(err)
	}
	w.random(1).end()
	if e, ok := s.next(); ok {
		t.Errorf("%+v", e)
	}
}
