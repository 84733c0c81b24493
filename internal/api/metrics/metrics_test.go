package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/tallystick/tallystick/internal/access"
	"github.com/tallystick/tallystick/internal/alarm"
	"github.com/tallystick/tallystick/internal/api"
	"github.com/tallystick/tallystick/internal/api/metrics"
	"github.com/tallystick/tallystick/internal/core/fault"
	"github.com/tallystick/tallystick/internal/core/metering"
	"github.com/tallystick/tallystick/internal/core/usage"
	"github.com/tallystick/tallystick/internal/fleet"
	"github.com/tallystick/tallystick/internal/ledger"
	"github.com/tallystick/tallystick/internal/statement"
)

// console is what is asked at a scrape, by hand.
type console struct {
	now       time.Time
	broken    error // of everything in the store
	companies int
	servers   []fleet.Server
	readings  []ledger.ServerReadings
	tallies   map[usage.CompanyID]metering.Tally
	asked     int // how often for the servers
	log       strings.Builder
}

func (c *console) Head(context.Context) (ledger.Head, error) {
	return ledger.Head{Position: 7, RecordedAt: c.now}, c.broken
}

func (c *console) Servers(context.Context) ([]fleet.Server, error) {
	c.asked++
	return c.servers, c.broken
}

func (c *console) Company(_ context.Context, id usage.CompanyID) (fleet.Company, error) {
	return fleet.Company{ID: id, UID: "uid-" + id.String()}, c.broken
}

func (c *console) Companies(context.Context) (list []fleet.Company, err error) {
	for i := range c.companies {
		id := usage.FirstCompany + usage.CompanyID(i)
		list = append(list, fleet.Company{ID: id, UID: "uid-" + id.String()})
	}
	return list, c.broken
}

func (c *console) Events(context.Context, alarm.TemplateID) ([]alarm.Event, error) {
	return []alarm.Event{
		{Template: alarm.ServerConnection, Status: alarm.StatusError},
		{Template: alarm.ServerConnection, Status: alarm.StatusError},
		{Template: alarm.ServerConnection, Status: alarm.StatusAcknowledged},
		{Template: alarm.StaleFigures, Status: alarm.StatusResolved},
	}, c.broken
}

func (c *console) StatementsIn(_ context.Context, month usage.Month) ([]statement.Statement, error) {
	return []statement.Statement{{Month: month.String(), State: statement.Draft}, {State: statement.Final}, {State: statement.Final}}, c.broken
}

func (c *console) Usage(_ context.Context, q ledger.Query) (*metering.Tally, error) {
	if t, known := c.tallies[q.Company]; known && q.Product == usage.ProductVBR {
		return &t, nil
	}
	if q.Product == usage.ProductCloudConnect {
		return nil, errors.New("damaged")
	}
	return &metering.Tally{NoSource: true, Complete: true}, nil
}

func (c *console) Readings(context.Context, ...usage.ServerID) ([]ledger.ServerReadings, error) {
	return c.readings, c.broken
}

func (*console) Kept() ledger.Kept {
	return ledger.Kept{Followed: true, Lag: 200 * time.Millisecond, Answers: 3}
}

var at = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

func (c *console) options() metrics.Options {
	return metrics.Options{
		Open: true, Version: "v1.2.3", CertificateEnd: at.AddDate(1, 0, 0), Now: func() time.Time { return c.now }, Log: slog.New(slog.NewTextHandler(&c.log, nil)),
		Sources: metrics.Sources{
			Ledger: c, Store: c, Zone: func(context.Context) (*time.Location, error) { return time.UTC, nil },
			Undrafted: func(context.Context, usage.Month, *time.Location, []statement.Statement) (int, error) { return 4, nil },
			Size:      func(context.Context) (int64, int64, error) { return 1000, 50, nil },
			DiskFree:  func() (int64, error) { return 0, errors.ErrUnsupported },
			Schedule: func() (metrics.Schedule, bool) {
				return metrics.Schedule{Servers: 9, Failing: 1, Waiting: 2, Lag: time.Minute}, true
			},
		},
	}
}

func handler(t *testing.T, m *metrics.Metrics, more ...api.Surface) http.Handler {
	t.Helper()
	frame := api.Frame{Surfaces: append(more, m.Surface()), Log: slog.New(slog.DiscardHandler), Meter: m.Meter, Check: func(_ context.Context, token string) (access.Actor, error) {
		role := access.Role(token)
		if !slices.Contains(access.Roles(), role) {
			return access.Actor{}, fault.New(fault.Unauthenticated, "no such token")
		}
		a := access.Actor{User: 1, Name: token, Role: role}
		if role.OfCompany() {
			a.Company = 2
		}
		return a, nil
	}}
	h, err := frame.Handler()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(t *testing.T, h http.Handler, path string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://console.example:1281"+path, http.NoBody)
	maps.Copy(r.Header, header)
	h.ServeHTTP(w, r)
	return w
}

// scrape gives the lines of the samples whose names begin so.
func scrape(t *testing.T, h http.Handler, prefix string) (lines []string) {
	t.Helper()
	w := ask(t, h, "/metrics", nil)
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for line := range strings.Lines(w.Body.String()) {
		if strings.HasPrefix(line, prefix) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func want(t *testing.T, h http.Handler, prefix string, lines ...string) {
	t.Helper()
	if got := scrape(t, h, prefix); !slices.Equal(got, lines) {
		t.Errorf("%s:\n%s\nwant\n%s", prefix, strings.Join(got, "\n"), strings.Join(lines, "\n"))
	}
}

// Who may see all companies may see the metrics; where they are open, everybody.
func TestWhoMaySee(t *testing.T) {
	t.Parallel()
	c := &console{now: at}
	open := c.options()
	closed := open
	closed.Open = false
	for token, status := range map[string]int{
		"": 401, "nobody": 401, "portal-administrator": 200, "portal-operator": 200, "portal-readonly": 200,
		"company-administrator": 403, "company-readonly": 403,
	} {
		header := http.Header{}
		if token != "" {
			header.Set("Authorization", "Bearer "+token)
		}
		if w := ask(t, handler(t, metrics.New(closed)), "/metrics", header); w.Code != status {
			t.Errorf("%q: %d, want %d", token, w.Code, status)
		} else if status != http.StatusOK && strings.Contains(w.Body.String(), "tallystick_") {
			t.Errorf("%q sees %s", token, w.Body)
		}
	}
	if w := ask(t, handler(t, metrics.New(open)), "/metrics", nil); w.Code != http.StatusOK {
		t.Errorf("open: %d", w.Code)
	}
}

// The scraper says which format it reads.
func TestFormats(t *testing.T) {
	t.Parallel()
	c := &console{now: at}
	h := handler(t, metrics.New(c.options()))
	for _, accept := range []string{"", "*/*", "text/html", "text/plain;version=0.0.4", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"} {
		if got := ask(t, h, "/metrics", http.Header{"Accept": {accept}}).Header().Get("Content-Type"); !strings.HasPrefix(got, "text/plain; version=0.0.4") {
			t.Errorf("%s: %s", accept, got)
		}
	}
	text := ask(t, h, "/metrics", nil)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	if _, err := parser.TextToMetricFamilies(text.Body); err != nil {
		t.Error(err)
	}
	open := ask(t, h, "/metrics", http.Header{"Accept": {"application/openmetrics-text; version=1.0.0,text/plain;q=0.5"}})
	if got := open.Header().Get("Content-Type"); !strings.HasPrefix(got, "application/openmetrics-text; version=1.0.0") {
		t.Error(got)
	}
	if !strings.HasSuffix(open.Body.String(), "\n# EOF\n") {
		t.Error("the answer has no end")
	}
}

// Requests are counted by route, never by path: a client cannot make series.
func TestRequests(t *testing.T) {
	t.Parallel()
	c := &console{now: at}
	m := metrics.New(c.options())
	statuses := []int{200, 200, 418, 503}
	h := handler(t, m, api.NewPlain(api.Open("/v2/tenants/{ID}", func(*http.Request) (any, error) {
		status := statuses[0]
		statuses = statuses[1:]
		answer := api.PlainText("12345")
		answer.Status = status
		return answer, nil
	}), api.Open("/v2/nobody", func(*http.Request) (any, error) { return api.PlainText("asked"), nil })))
	for _, path := range []string{"/v2/tenants/2", "/V2/Tenants/2", "/v2/tenants/77", "/v2/tenants/78", "/v2/tenants/1/2", "/x", "/y?z"} {
		ask(t, h, path, nil)
	}
	answers := func(code, method, route string, n int) string {
		return fmt.Sprintf(`tallystick_http_requests_total{code=%q,method=%q,route=%q} %d`, code, method, route, n)
	}
	failures := func(method, route string, of503 int) (lines []string) { // there before the first one, which counts as an increase
		for i := range 5 {
			lines = append(lines, answers(strconv.Itoa(500+i), method, route, map[int]int{3: of503}[i]))
		}
		return lines
	}
	want(t, h, `tallystick_http_requests_total{code="5`, slices.Sorted(slices.Values(slices.Concat(
		failures("(any)", "(unknown)", 0), failures("GET", "/v2/tenants/{ID}", 1))))...)
	for _, line := range []string{
		answers("200", "GET", "/v2/tenants/{ID}", 2), answers("404", "(any)", "(unknown)", 3), answers("other", "GET", "/v2/tenants/{ID}", 1),
	} {
		want(t, h, line[:strings.LastIndex(line, " ")], line)
	}
	for _, none := range []string{`tallystick_http_requests_total{code="201"`, `tallystick_http_requests_total{code="500",method="GET",route="/v2/nobody"`} {
		want(t, h, none)
	}
	want(t, h, `tallystick_http_response_bytes_total{method="GET",route="/v2`, `tallystick_http_response_bytes_total{method="GET",route="/v2/tenants/{ID}"} 20`)
	meter := m.Meter(http.MethodGet, "/slow")
	for _, took := range []time.Duration{100 * time.Microsecond, 101 * time.Microsecond, time.Second, time.Hour} {
		meter(200, 1, took)
	}
	meter(-1, 0, 0)
	want(t, h, `tallystick_http_request_duration_seconds_bucket{method="GET",route="/slow",le="0.0001"`, `tallystick_http_request_duration_seconds_bucket{method="GET",route="/slow",le="0.0001"} 2`)
	want(t, h, `tallystick_http_request_duration_seconds_bucket{method="GET",route="/slow",le="30"`, `tallystick_http_request_duration_seconds_bucket{method="GET",route="/slow",le="30"} 4`)
	want(t, h, `tallystick_http_request_duration_seconds_bucket{method="GET",route="/slow",le="+Inf"`, `tallystick_http_request_duration_seconds_bucket{method="GET",route="/slow",le="+Inf"} 5`)
	want(t, h, `tallystick_http_request_duration_seconds_sum{method="GET",route="/slow"`, `tallystick_http_request_duration_seconds_sum{method="GET",route="/slow"} 3601.000201`)
}

// What happens is counted by what became of it.
func TestEvents(t *testing.T) {
	t.Parallel()
	c := &console{now: at}
	m := metrics.New(c.options())
	h := handler(t, m)
	for _, product := range usage.Products() { // all are there before the first one, which counts as an increase
		lines := scrape(t, h, `tallystick_readings_total{product="`+string(product)+`"`)
		if len(lines) != 4+len(usage.GapReasons()) || slices.ContainsFunc(lines, func(line string) bool { return !strings.HasSuffix(line, " 0") }) {
			t.Errorf("%s: %s", product, strings.Join(lines, "\n"))
		}
	}
	m.ReadingBegan()
	want(t, h, "tallystick_readings_in_flight", "tallystick_readings_in_flight 1")
	m.ReadingEnded(usage.ProductVBR, metrics.ReadingFailed, usage.GapRefused, 3*time.Second)
	m.ReadingBegan()
	m.ReadingEnded(usage.ProductVBR, metrics.ReadingInterrupted, usage.GapInterrupted, time.Second) // the result says it
	want(t, h, "tallystick_readings_in_flight", "tallystick_readings_in_flight 0")
	happened := func(prefix string, lines ...string) {
		t.Helper()
		got := slices.DeleteFunc(scrape(t, h, prefix), func(line string) bool { return strings.HasSuffix(line, " 0") })
		if !slices.Equal(got, lines) {
			t.Errorf("%s:\n%s\nwant\n%s", prefix, strings.Join(got, "\n"), strings.Join(lines, "\n"))
		}
	}
	happened("tallystick_readings_total", `tallystick_readings_total{product="vbr",reason="",result="interrupted"} 1`,
		`tallystick_readings_total{product="vbr",reason="login-refused",result="failed"} 1`)
	want(t, h, "tallystick_reading_duration_seconds_count", `tallystick_reading_duration_seconds_count{product="vbr"} 1`)
	if lines := scrape(t, h, "tallystick_ledger_appends_total"); len(lines) != 12 {
		t.Error(strings.Join(lines, "\n"))
	}
	for _, a := range []ledger.Append{
		{Kind: "snapshot"},
		{Kind: "snapshot", Receipt: ledger.Receipt{Duplicate: true}},
		{Kind: "snapshot", Err: fault.New(fault.Conflict, "another one")},
		{Kind: "gap", Err: fault.New(fault.Unavailable, "no disk")},
	} {
		m.Appended(a)
	}
	happened("tallystick_ledger_appends_total", `tallystick_ledger_appends_total{kind="gap",result="failed"} 1`, `tallystick_ledger_appends_total{kind="snapshot",result="appended"} 1`,
		`tallystick_ledger_appends_total{kind="snapshot",result="duplicate"} 1`, `tallystick_ledger_appends_total{kind="snapshot",result="refused"} 1`)
}

func read(id usage.ServerID, takenAt time.Time) ledger.ServerReadings {
	return ledger.ServerReadings{Server: id, Last: &usage.Snapshot{TakenAt: takenAt}}
}

// C32: stale is what is older than three intervals; silent, what is stale or unknown and was not read for a day.
func TestServers(t *testing.T) {
	t.Parallel()
	server := func(id usage.ServerID, product usage.Product, interval time.Duration, created time.Time) fleet.Server {
		return fleet.Server{ID: id, Product: product, Interval: interval, CreatedAt: created}
	}
	c := &console{now: at, servers: []fleet.Server{
		server(1, usage.ProductVBR, 4*time.Hour, at.AddDate(-1, 0, 0)), server(2, usage.ProductVBR, 4*time.Hour, at.AddDate(-1, 0, 0)),
		server(3, usage.ProductVBR, 4*time.Hour, at.AddDate(-1, 0, 0)), server(4, usage.ProductVBR, 4*time.Hour, at.Add(-23*time.Hour)),
		server(5, usage.ProductVBR, 4*time.Hour, at.Add(-25*time.Hour)), server(6, usage.ProductConsole, 31*24*time.Hour, at.AddDate(-1, 0, 0)),
	}, readings: []ledger.ServerReadings{
		read(1, at.Add(-12*time.Hour)), read(2, at.Add(-12*time.Hour-1)), read(3, at.Add(-25*time.Hour)), {Server: 4}, {Server: 5}, read(6, at.Add(-60*24*time.Hour)),
	}}
	h := handler(t, metrics.New(c.options()))
	want(t, h, "tallystick_servers",
		`tallystick_servers{product="console",state="current"} 1`, `tallystick_servers{product="console",state="stale"} 0`, `tallystick_servers{product="console",state="unknown"} 0`,
		`tallystick_servers{product="vbr",state="current"} 1`, `tallystick_servers{product="vbr",state="stale"} 2`, `tallystick_servers{product="vbr",state="unknown"} 2`,
		`tallystick_servers_silent{product="console"} 0`, `tallystick_servers_silent{product="vbr"} 2`)
}

// What is dear is asked for once a minute; what does not answer is absent, not what it was and not zero, and is said to be so.
func TestSourcesFail(t *testing.T) {
	t.Parallel()
	c := &console{now: at, servers: []fleet.Server{{ID: 1, Product: usage.ProductVBR, CreatedAt: at}}}
	h := handler(t, metrics.New(c.options()))
	unknown := `tallystick_servers{product="vbr",state="unknown"} 1`
	want(t, h, `tallystick_servers{product="vbr",state="unknown"`, unknown)
	want(t, h, `tallystick_statements`, `tallystick_statements{month="2026-10",state="approved"} 0`, `tallystick_statements{month="2026-10",state="draft"} 1`,
		`tallystick_statements{month="2026-10",state="final"} 2`, `tallystick_statements{month="2026-10",state="missing"} 4`)
	want(t, h, "tallystick_month_ended", `tallystick_month_ended_timestamp_seconds{month="2026-10"} 1.7934912e+09`)
	want(t, h, "tallystick_alarms_open", `tallystick_alarms_open{name="Backup server connection state",severity="acknowledged",template="15"} 1`,
		`tallystick_alarms_open{name="Backup server connection state",severity="error",template="15"} 2`)
	want(t, h, "tallystick_disk_free_bytes") // unsupported here, and no news
	if c.asked != 1 {
		t.Errorf("the servers were asked for %d times", c.asked)
	}
	c.broken = errors.New("no disk")
	want(t, h, `tallystick_servers{product="vbr",state="unknown"`, unknown) // kept
	want(t, h, "tallystick_ledger_position")
	c.now = at.Add(time.Minute)
	want(t, h, "tallystick_servers")
	want(t, h, "tallystick_source_up", `tallystick_source_up{source="alarms"} 0`, `tallystick_source_up{source="ledger"} 0`, `tallystick_source_up{source="schedule"} 1`,
		`tallystick_source_up{source="servers"} 0`, `tallystick_source_up{source="statements"} 1`, `tallystick_source_up{source="store"} 1`)
	if n := strings.Count(c.log.String(), "level=WARN"); n != 3 || strings.Count(c.log.String(), "no disk") != 3 {
		t.Errorf("the log says %s", &c.log)
	}
	asked := c.asked
	c.now = c.now.Add(29 * time.Second)
	c.broken = nil
	for _, prefix := range []string{"tallystick_ledger_position", "tallystick_servers"} {
		want(t, h, prefix) // it may be that it takes too long: it is left alone for a while
	}
	if c.asked != asked {
		t.Errorf("the servers were asked for %d times more", c.asked-asked)
	}
	c.now = c.now.Add(time.Second)
	want(t, h, "tallystick_ledger_position", "tallystick_ledger_position 7")
	want(t, h, "tallystick_servers") // for no less than an answer holds
	c.now = c.now.Add(30 * time.Second)
	want(t, h, `tallystick_servers{product="vbr",state="unknown"`, unknown)
	c.now = at.AddDate(0, 0, -1) // the clock went back: what was kept is no more
	c.servers = nil
	want(t, h, "tallystick_servers")
}

// C32: what is missing is absent, and beside what is there it is said whether it is all.
func TestCompanies(t *testing.T) {
	t.Parallel()
	row := func(unit usage.UnitKind, used, fresh usage.Units) metering.Row {
		return metering.Row{Unit: unit, Used: metering.Amount{Units: used}, New: metering.Amount{Units: fresh}}
	}
	c := &console{now: at, companies: 3, tallies: map[usage.CompanyID]metering.Tally{
		usage.Unassigned: {Complete: true},
		2:                {Complete: true, Rows: []metering.Row{row(usage.Instances, 34*usage.One, 0), row(usage.Instances, 330000, usage.One), row(usage.Points, 11*usage.One, 0)}},
		3:                {Rows: []metering.Row{row(usage.Instances, usage.One, 0)}},
	}}
	want(t, handler(t, metrics.New(c.options())), "tallystick_company")
	o := c.options()
	o.Companies = 2
	h := handler(t, metrics.New(o))
	want(t, h, "tallystick_company_units",
		`tallystick_company_units{company="2",kind="new",resource="backupServerUsage",uid="uid-2",unit="Instances"} 1`,
		`tallystick_company_units{company="2",kind="new",resource="backupServerUsage",uid="uid-2",unit="Points"} 0`,
		`tallystick_company_units{company="2",kind="rental",resource="backupServerUsage",uid="uid-2",unit="Instances"} 0`,
		`tallystick_company_units{company="2",kind="rental",resource="backupServerUsage",uid="uid-2",unit="Points"} 0`,
		`tallystick_company_units{company="2",kind="used",resource="backupServerUsage",uid="uid-2",unit="Instances"} 34.33`,
		`tallystick_company_units{company="2",kind="used",resource="backupServerUsage",uid="uid-2",unit="Points"} 11`)
	want(t, h, "tallystick_company_complete",
		`tallystick_company_complete{company="1",resource="backupServerUsage",uid="uid-1"} 1`, `tallystick_company_complete{company="1",resource="cloudConnectUsage",uid="uid-1"} 0`,
		`tallystick_company_complete{company="2",resource="backupServerUsage",uid="uid-2"} 1`, `tallystick_company_complete{company="2",resource="cloudConnectUsage",uid="uid-2"} 0`)
	want(t, h, "tallystick_company_series_dropped", "tallystick_company_series_dropped 2")
	o.Companies = 10
	h = handler(t, metrics.New(o))
	want(t, h, "tallystick_company_series_dropped", "tallystick_company_series_dropped 0")
	want(t, h, `tallystick_company_complete{company="3",resource="backup`, `tallystick_company_complete{company="3",resource="backupServerUsage",uid="uid-3"} 0`)
	want(t, h, `tallystick_company_units{company="3",kind="used"`, `tallystick_company_units{company="3",kind="used",resource="backupServerUsage",uid="uid-3",unit="Instances"} 1`)
}
