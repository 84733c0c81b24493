package sim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is the simulated time of most tests: 14 October 2026, 12:00 UTC.
var noon = time.Date(2026, 10, 14, 12, 0, 0, 0, time.UTC)

// client is a plain client of one server.
type client struct {
	t      testing.TB
	http   *http.Client
	server Server
	rev    string
	token  string
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

// start starts a scenario at noon with a clock that stands still, unless the scenario says otherwise.
func start(t testing.TB, text string) *Fleet {
	t.Helper()
	s, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if s.Clock.Start.IsZero() {
		s.Clock = ClockSpec{Start: noon}
	}
	return startScenario(t, s)
}

func startScenario(t testing.TB, s *Scenario) *Fleet {
	t.Helper()
	f, err := Start(context.Background(), Options{Scenario: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		began := time.Now()
		if err := f.Close(); err != nil || time.Since(began) > time.Second {
			t.Errorf("Close: %v after %v", err, time.Since(began))
		}
	})
	return f
}

func newClient(t testing.TB, s Server, rev string) *client {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(s.CertificatePEM) {
		t.Fatal("no certificate")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{t: t, http: &http.Client{Transport: transport, Timeout: 5 * time.Second}, server: s, rev: rev}
}

// dial starts a scenario of one server, and logs in to it.
func dial(t testing.TB, text, rev string) (*Fleet, *client) {
	t.Helper()
	f := start(t, text)
	c := newClient(t, f.Servers()[0], rev)
	if r := c.login(); r.status != http.StatusOK {
		t.Fatalf("log-in: %d %s %v", r.status, r.body, r.err)
	}
	return f, c
}

func (c *client) do(method, path, kind string, in io.Reader) reply {
	c.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, c.server.URL+path, in)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.rev != "" {
		req.Header.Set("x-api-version", c.rev)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header, string(data), err}
}

func (c *client) get(path string) reply {
	c.t.Helper()
	if !strings.HasPrefix(path, "/") {
		path = "/api/v1/" + path
	}
	return c.do(http.MethodGet, path, "", nil)
}

// list reads one page and gives its rows and total.
func (c *client) list(path string) ([]map[string]any, int) {
	c.t.Helper()
	r := c.get(path)
	var page struct {
		Data       []map[string]any
		Pagination struct{ Total int }
	}
	if err := json.Unmarshal([]byte(r.body), &page); err != nil || r.status != http.StatusOK {
		c.t.Fatalf("%s: %d %s %v", path, r.status, r.body, err)
	}
	return page.Data, page.Pagination.Total
}

func (c *client) report(body string) reply {
	c.t.Helper()
	return c.do(http.MethodPost, "/api/v1/license/createReport", "application/json", strings.NewReader(body))
}

func (c *client) form(pairs ...string) reply {
	c.t.Helper()
	v := url.Values{}
	for pair := range slices.Chunk(pairs, 2) {
		v.Set(pair[0], pair[1])
	}
	return c.do(http.MethodPost, "/api/oauth2/token", "application/x-www-form-urlencoded", strings.NewReader(v.Encode()))
}

// login takes a token, with the lower-case grant.
func (c *client) login() reply {
	c.t.Helper()
	r := c.form("grant_type", "password", "username", c.server.Username, "password", c.server.Password)
	c.keep(r)
	return r
}

func (c *client) keep(r reply) (refresh string) {
	var pair struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if r.status == http.StatusOK && json.Unmarshal([]byte(r.body), &pair) == nil {
		c.token = pair.Access
	}
	return pair.Refresh
}

// errorCode gives the errorCode of an error object; empty when there is none.
func (r reply) errorCode() string {
	var e struct{ ErrorCode, Message string }
	if json.Unmarshal([]byte(r.body), &e) != nil || e.Message == "" {
		return ""
	}
	return e.ErrorCode
}

// counted reads the used and new units of the license totals.
func (c *client) counted() (usedUnits, newUnits float64) {
	c.t.Helper()
	r := c.get("license")
	var l struct {
		InstanceLicenseSummary struct{ UsedInstancesNumber, NewInstancesNumber float64 }
	}
	if err := json.Unmarshal([]byte(r.body), &l); err != nil || r.status != http.StatusOK {
		c.t.Fatalf("license: %d %s %v", r.status, r.body, err)
	}
	return l.InstanceLicenseSummary.UsedInstancesNumber, l.InstanceLicenseSummary.NewInstancesNumber
}

// names gives the names of the instances list.
func (c *client) names() []string {
	c.t.Helper()
	rows, _ := c.list("license/instances?limit=1000")
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i], _ = row["name"].(string)
	}
	return out
}

func contextWithCancel() (context.Context, context.CancelFunc) {
	return context.WithCancel(context.Background())
}
